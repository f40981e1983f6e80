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
            float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(row) / row.Length;
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                Encode(row[range], importances.IsEmpty ? [] : importances[range], square, ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_0> blocks)
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
                Span<Q4_0> eight = blocks.Slice(first, Math.Min(Lanes.Count, blocks.Length - first));
                Range range = (first * Length)..((first + eight.Length) * Length);
                bool searched = SymmetricLanes.Blocks(row[range], importances[range], square, Bound, scales, levels);
                for (int index = 0; index < eight.Length; index++)
                {
                    Range own = (index * Length)..((index + 1) * Length);
                    if (searched)
                    {
                        Vector256<byte> ownLevels = Vector256.Create<byte>(levels[own]);
                        eight[index]._d = Scale.Of(scales[index]);
                        eight[index]._q.PackLanes(ownLevels);
                    }
                    else
                    {
                        Encode(row[range][own], importances[range][own], square, ref eight[index]);
                    }
                }
            }
        }

        private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, ref Q4_0 block)
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
            block._q.Pack(levels);
        }

        private static void EncodeLanes(ReadOnlySpan<float> numbers, ref Q4_0 block)
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
            Vector256<byte> levels = all.Truncated(d != 0 ? 1 / d : 0, 8.5f);
            levels = Vector256.Min(levels.AsSByte(), Vector256.Create((sbyte)15)).AsByte();
            block._d = Scale.Of(d);
            block._q.PackLanes(levels);
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
