using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 66 bytes: 2-bit integers and a scale, 2.0625 bits each; for ternary models (BitNet b1.58, TriLMs).
    /// <code>
    /// byte      0 … 31                32 … 63               64 65
    /// bit 0 1   q₀ … q₃₁              q₁₂₈ … q₁₅₉           d (F16)
    /// bit 2 3   q₃₂ … q₆₃             q₁₆₀ … q₁₉₁
    /// bit 4 5   q₆₄ … q₉₅             q₁₉₂ … q₂₂₃
    /// bit 6 7   q₉₆ … q₁₂₇            q₂₂₄ … q₂₅₅                     x = d · (q − 1)
    /// </code>
    /// d is the largest magnitude. Source: ggml, <c>block_tq2_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct TQ2_0 : IQuantizedBlock<TQ2_0>
    {
        private BitPairs _q;
        private Scale _d;

        public static string Name => "TQ2_0";

        public static int Length => 256;

        public static void Decode(in TQ2_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = (block._q.Number(index) - 1) * d;
            }
        }

        public static void DecodeLanes(in TQ2_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int row = 0; row < 8; row++)
            {
                Lanes.WriteScaled(block._q.Row(row).AsSByte() - Vector256<sbyte>.One, d, d, ref values.Slice(row * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<TQ2_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<TQ2_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> numbers, ref TQ2_0 block)
        {
            Span<byte> levels = stackalloc byte[Length];
            float d = Spread.Magnitude(numbers);
            float inverse = d != 0 ? 1 / d : 0;
            for (int index = 0; index < Length; index++)
            {
                levels[index] = (byte)((Rounding.AwayFromZero(numbers[index] * inverse) + 1) & 3);
            }
            block._q.Pack(levels);
            block._d = Scale.Of(d);
        }

        private static void EncodeLanes(ReadOnlySpan<float> numbers, ref TQ2_0 block)
        {
            int magnitude = Lanes.LargestMagnitude(numbers);
            if (magnitude > Lanes.InfinityBits)
            {
                Encode(numbers, ref block);
                return;
            }
            Span<byte> levels = stackalloc byte[Length];
            float d = BitConverter.Int32BitsToSingle(magnitude);
            float inverse = d != 0 ? 1 / d : 0;
            for (int index = 0; index < Length; index += 32)
            {
                Vector256<byte> integers = new Numbers32(in numbers.Slice(index, 32)[0]).RoundedAway(inverse);
                ((integers + Vector256<byte>.One) & Vector256.Create((byte)3)).CopyTo(levels.Slice(index, 32));
            }
            block._q.PackLanes(levels);
            block._d = Scale.Of(d);
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's ternary blocks of 2 bits: 256 numbers and their scale in 66 bytes.</summary>
        public static DType TQ2_0 { get; } = Register(new QuantizedType<TQ2_0>());
    }
}
