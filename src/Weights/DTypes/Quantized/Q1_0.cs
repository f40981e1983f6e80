using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 128 numbers in 18 bytes: a scale and signs, 1.125 bits each.
    /// <code>
    /// byte  0 1        2 … 17
    ///       d (F16)    q₀ … q₁₂₇ (U1, lowest bit first)          x = q = 1 ? d : −d
    /// </code>
    /// d is the mean magnitude. Source: ggml, <c>block_q1_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q1_0 : IQuantizedBlock<Q1_0>
    {
        private Scale _d;
        private Signs _q;

        public static string Name => "Q1_0";

        public static int Length => 128;

        public static void Decode(in Q1_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = ((block._q[index / 8] >> (index % 8)) & 1) != 0 ? d : -d;
            }
        }

        public static void DecodeLanes(in Q1_0 block, Span<float> values)
        {
            Vector256<int> d = Vector256.Create(BitConverter.SingleToInt32Bits(block._d.Value));
            Vector256<int> position = Vector256.Create(31, 30, 29, 28, 27, 26, 25, 24);
            for (int index = 0; index < Length / 8; index++)
            {
                // Each bit to the place of the sign; it is turned where the bit is zero.
                Vector256<int> bits = Avx2.ShiftLeftLogicalVariable(Vector256.Create(~(int)block._q[index]), position.AsUInt32());
                (d ^ (bits & Vector256.Create(int.MinValue))).AsSingle().StoreUnsafe(ref values.Slice(index * 8, 8)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q1_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q1_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void EncodeLanes(ReadOnlySpan<float> values, ref Q1_0 block)
        {
            float sum = 0;
            for (int index = 0; index < Length; index += 8)
            {
                ReadOnlySpan<float> eight = values.Slice(index, 8);
                foreach (float value in eight)
                {
                    sum += Math.Abs(value);
                }
                block._q[index / 8] = (byte)Vector256.GreaterThanOrEqual(Vector256.Create(eight), Vector256<float>.Zero).ExtractMostSignificantBits();
            }
            block._d = Scale.Of(sum / Length);
        }

        private static void Encode(ReadOnlySpan<float> values, ref Q1_0 block)
        {
            float sum = 0;
            block._q = default;
            for (int index = 0; index < Length; index++)
            {
                sum += Math.Abs(values[index]);
                block._q[index / 8] |= (byte)(values[index] >= 0 ? 1 << (index % 8) : 0);
            }
            block._d = Scale.Of(sum / Length);
        }

        [InlineArray(16)]
        private struct Signs
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 1-bit blocks: 128 signs and their scale in 18 bytes.</summary>
        public static DType Q1_0 { get; } = Register(new QuantizedType<Q1_0>());
    }
}
