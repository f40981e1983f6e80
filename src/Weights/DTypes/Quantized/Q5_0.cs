using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 22 bytes: a scale and 5-bit integers, 5.5 bits each.
    /// <code>
    /// byte  0 1        2 … 5                          6 … 21
    ///       d (F16)    fifth bits of q₀ … q₃₁         lower four of q₀ … q₃₁ (U4)          x = d · (q − 16)
    /// </code>
    /// −16 · d is the number farthest from zero; with importances d is searched. Source: ggml, <c>block_q5_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q5_0 : IQuantizedBlock<Q5_0>
    {
        private const int Bound = 16;

        private Scale _d;
        private FifthBits _high;
        private Nibbles _low;

        public static string Name => "Q5_0";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q5_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = ((block._low.Number(index) | block._high.Number(index)) - Bound) * d;
            }
        }

        public static void DecodeLanes(in Q5_0 block, Span<float> values)
        {
            float d = block._d.Value;
            Vector256<byte> levels = block._low.Numbers() | block._high.Numbers();
            Lanes.WriteScaled(levels.AsSByte() - Vector256.Create((sbyte)Bound), d, d, ref values[..Length][0]);
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_0> blocks)
        {
            Span<float> weights = stackalloc float[Length];
            Span<byte> levels = stackalloc byte[Length];
            float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(row) / row.Length;
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> numbers = row.Slice(index * Length, Length);
                float d;
                if (importances.IsEmpty)
                {
                    d = Round(numbers, levels);
                }
                else
                {
                    ErrorWeights.Weigh(numbers, importances.Slice(index * Length, Length), square, weights);
                    d = ScaleSearch.Symmetric(numbers, weights, Bound, levels);
                }
                blocks[index]._d = Scale.Of(d);
                blocks[index]._high = FifthBits.Of(levels);
                blocks[index]._low.Pack(levels);
            }
        }

        private static float Round(ReadOnlySpan<float> numbers, Span<byte> levels)
        {
            float d = Spread.Farthest(numbers) / -Bound;
            float inverse = d != 0 ? 1 / d : 0;
            for (int index = 0; index < Length; index++)
            {
                levels[index] = unchecked((byte)Math.Min(31, (int)(sbyte)Rounding.Truncate((numbers[index] * inverse) + 16.5f)));
            }
            return d;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 5-bit blocks around zero: 32 numbers and their scale in 22 bytes.</summary>
        public static DType Q5_0 { get; } = Register(new QuantizedType<Q5_0>());
    }
}
