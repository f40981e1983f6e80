using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 292 bytes: a scale in binary32, 8-bit integers and their sums by sixteen, 9.125 bits each. Multiplications with
    /// the other types of 256 numbers use it.
    /// <code>
    /// byte  0 … 3      4 … 259             260 … 291
    ///       d (F32)    q₀ … q₂₅₅ (I8)      Σ q₀…q₁₅ … Σ q₂₄₀…q₂₅₅ (I16)          x = d · q
    /// </code>
    /// −127 · d is the number farthest from zero. Source: ggml, <c>block_q8_K</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q8_K : IQuantizedBlock<Q8_K>
    {
        private float _d;
        private Integers _q;
        private Sums _sums;

        public static string Name => "Q8_K";

        public static int Length => 256;

        public static void Decode(in Q8_K block, Span<float> values)
        {
            for (int index = 0; index < Length; index++)
            {
                values[index] = block._d * block._q[index];
            }
        }

        public static void DecodeLanes(in Q8_K block, Span<float> values)
        {
            ReadOnlySpan<sbyte> integers = block._q;
            for (int index = 0; index < Length; index += 32)
            {
                Lanes.WriteScaled(Vector256.Create(integers.Slice(index, 32)), block._d, block._d, ref values.Slice(index, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q8_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q8_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void EncodeLanes(ReadOnlySpan<float> values, ref Q8_K block)
        {
            int magnitude = Lanes.LargestMagnitude(values);
            // Blocks of zeros or with NaNs.
            if (magnitude is 0 or > Lanes.InfinityBits)
            {
                Encode(values, ref block);
                return;
            }
            float inverse = -127f / Lanes.FirstOf(values, magnitude);
            block._d = 1 / inverse;
            Span<sbyte> integers = block._q;
            for (int index = 0; index < Length; index += 32)
            {
                Vector256<sbyte> rounded = new Numbers32(in values.Slice(index, 32)[0]).Nearest(inverse, sbyte.MaxValue).AsSByte();
                rounded.CopyTo(integers.Slice(index, 32));
                Vector256<int> sums = Lanes.SumsOfFour(rounded);
                block._sums[index / 16] = unchecked((short)Vector128.Sum(sums.GetLower()));
                block._sums[(index / 16) + 1] = unchecked((short)Vector128.Sum(sums.GetUpper()));
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ref Q8_K block)
        {
            block = default;
            float farthest = Spread.Farthest(values);
            if (farthest == 0)
            {
                return;
            }
            float inverse = -127f / farthest;
            block._d = 1 / inverse;
            for (int index = 0; index < Length; index++)
            {
                block._q[index] = unchecked((sbyte)Math.Min(127, Rounding.Nearest(inverse * values[index])));
                block._sums[index / 16] += block._q[index];
            }
        }

        [InlineArray(256)]
        private struct Integers
        {
            private sbyte _first;
        }

        [InlineArray(16)]
        private struct Sums
        {
            private short _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 8-bit blocks with their sums: 256 numbers in 292 bytes, an intermediate of its multiplications.</summary>
        public static DType Q8_K { get; } = Register(new QuantizedType<Q8_K>());
    }
}
