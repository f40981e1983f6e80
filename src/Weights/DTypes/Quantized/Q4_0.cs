using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 18 bytes: a scale and 4-bit integers, 4.5 bits each.
    /// <code>
    /// byte  0 1        2 … 17
    ///       d (F16)    q₀ … q₃₁ (U4)          x = d · (q − 8)
    /// </code>
    /// −8 · d is the number farthest from zero; with importances d is searched. Source: ggml, <c>block_q4_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q4_0 : IQuantizedBlock<Q4_0>
    {
        private const int Bound = 8;

        private Scale _d;
        private Nibbles _q;

        public static string Name => "Q4_0";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q4_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = (block._q.Number(index) - Bound) * d;
            }
        }

        public static void DecodeLanes(in Q4_0 block, Span<float> values)
        {
            float d = block._d.Value;
            Lanes.WriteScaled(block._q.Numbers().AsSByte() - Vector256.Create((sbyte)Bound), d, d, ref values[..Length][0]);
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_0> blocks)
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
                blocks[index]._q.Pack(levels);
            }
        }

        private static float Round(ReadOnlySpan<float> numbers, Span<byte> levels)
        {
            float d = Spread.Farthest(numbers) / -Bound;
            float inverse = d != 0 ? 1 / d : 0;
            for (int index = 0; index < Length; index++)
            {
                levels[index] = unchecked((byte)Math.Min(15, (int)(sbyte)Rounding.Truncate((numbers[index] * inverse) + 8.5f)));
            }
            return d;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 4-bit blocks around zero: 32 numbers and their scale in 18 bytes.</summary>
        public static DType Q4_0 { get; } = Register(new QuantizedType<Q4_0>());
    }
}
