using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 24 bytes: a scale, a minimum and 5-bit integers, 6 bits each.
    /// <code>
    /// byte  0 1        2 3        4 … 7                          8 … 23
    ///       d (F16)    m (F16)    fifth bits of q₀ … q₃₁         lower four of q₀ … q₃₁ (U4)          x = d · q + m
    /// </code>
    /// m is the least number, m + 31 · d the greatest; with importances both are searched. Source: ggml, <c>block_q5_1</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q5_1 : IQuantizedBlock<Q5_1>
    {
        private const int Largest = 31;

        private Scale _d;
        private Scale _m;
        private FifthBits _high;
        private Nibbles _low;

        public static string Name => "Q5_1";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q5_1 block, Span<float> values)
        {
            float d = block._d.Value;
            float m = block._m.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = ((block._low.Number(index) | block._high.Number(index)) * d) + m;
            }
        }

        public static void DecodeLanes(in Q5_1 block, Span<float> values)
        {
            (float d, float m) = (block._d.Value, block._m.Value);
            Lanes.WriteAffine(block._low.Numbers() | block._high.Numbers(), d, m, d, m, ref values[..Length][0]);
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_1> blocks)
        {
            Span<float> weights = stackalloc float[Length];
            Span<byte> levels = stackalloc byte[Length];
            float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(row) / row.Length;
            AffineSearch search = AffineSearch.WithImportances(Largest);
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> numbers = row.Slice(index * Length, Length);
                (float d, float m) = (0, 0);
                if (importances.IsEmpty)
                {
                    (d, m) = Round(numbers, levels);
                }
                else
                {
                    ErrorWeights.Weigh(numbers, importances.Slice(index * Length, Length), square, weights);
                    (d, m) = search.Run(numbers, weights, levels);
                    m = -m;
                }
                blocks[index]._d = Scale.Of(d);
                blocks[index]._m = Scale.Of(m);
                blocks[index]._high = FifthBits.Of(levels);
                blocks[index]._low.Pack(levels);
            }
        }

        // Not kept from exceeding 31, unlike the others' levels: what is beyond is cut to five bits.
        private static (float Scale, float Minimum) Round(ReadOnlySpan<float> numbers, Span<byte> levels)
        {
            (float least, float greatest) = Spread.Bounds(numbers);
            float d = (greatest - least) / Largest;
            float inverse = d != 0 ? 1 / d : 0;
            for (int index = 0; index < Length; index++)
            {
                levels[index] = unchecked((byte)Rounding.Truncate(((numbers[index] - least) * inverse) + 0.5f));
            }
            return (d, least);
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 5-bit blocks above a minimum: 32 numbers, their scale and minimum in 24 bytes.</summary>
        public static DType Q5_1 { get; } = Register(new QuantizedType<Q5_1>());
    }
}
