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
            float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(row) / row.Length;
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                Encode(row[range], importances.IsEmpty ? [] : importances[range], square, ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_0> blocks)
        {
            if (importances.IsEmpty)
            {
                for (int index = 0; index < blocks.Length; index++)
                {
                    EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
                }
                return;
            }
            Span<float> scales = stackalloc float[Lanes.Count];
            Span<byte> levels = stackalloc byte[Lanes.Count * Length];
            float square = ErrorWeights.SumOfSquares(row) / row.Length;
            for (int first = 0; first < blocks.Length; first += Lanes.Count)
            {
                Span<Q5_0> eight = blocks.Slice(first, Math.Min(Lanes.Count, blocks.Length - first));
                Range range = (first * Length)..((first + eight.Length) * Length);
                bool searched = SymmetricLanes.Blocks(row[range], importances[range], square, Bound, scales, levels);
                for (int index = 0; index < eight.Length; index++)
                {
                    Range own = (index * Length)..((index + 1) * Length);
                    if (searched)
                    {
                        Vector256<byte> ownLevels = Vector256.Create<byte>(levels[own]);
                        eight[index]._d = Scale.Of(scales[index]);
                        eight[index]._high = FifthBits.OfLanes(ownLevels);
                        eight[index]._low.PackLanes(ownLevels);
                    }
                    else
                    {
                        Encode(row[range][own], importances[range][own], square, ref eight[index]);
                    }
                }
            }
        }

        private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, ref Q5_0 block)
        {
            Span<float> weights = stackalloc float[Length];
            Span<byte> levels = stackalloc byte[Length];
            float d;
            if (importances.IsEmpty)
            {
                d = Round(numbers, levels);
            }
            else
            {
                ErrorWeights.Weigh(numbers, importances, square, weights);
                d = ScaleSearch.Symmetric(numbers, weights, Bound, levels);
            }
            block._d = Scale.Of(d);
            block._high = FifthBits.Of(levels);
            block._low.Pack(levels);
        }

        private static void EncodeLanes(ReadOnlySpan<float> numbers, ref Q5_0 block)
        {
            ref readonly float first = ref numbers[..Length][0];
            Numbers32 all = new(in first);
            int magnitude = all.LargestMagnitude();
            if (magnitude > Lanes.InfinityBits)
            {
                Encode(numbers, [], 0, ref block);
                return;
            }
            float d = Numbers32.FirstOf(in first, magnitude) / -Bound;
            Vector256<byte> levels = all.Truncated(d != 0 ? 1 / d : 0, 16.5f);
            levels = Vector256.Min(levels.AsSByte(), Vector256.Create((sbyte)31)).AsByte();
            block._d = Scale.Of(d);
            block._high = FifthBits.OfLanes(levels);
            block._low.PackLanes(levels);
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
