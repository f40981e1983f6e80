using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 64 numbers in 18 bytes: a scale and 2-bit integers, 2.25 bits each.
    /// <code>
    /// byte  0 1        2 … 17
    ///       d (F16)    q₀ … q₆₃ (U2, lowest bits first)          x = d · (q − 1)
    /// </code>
    /// d is the largest magnitude. Source: ggml, <c>block_q2_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q2_0 : IQuantizedBlock<Q2_0>
    {
        private Scale _d;
        private Pairs _q;

        public static string Name => "Q2_0";

        public static int Length => 64;

        public static void Decode(in Q2_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = (((block._q[index / 4] >> (index % 4 * 2)) & 3) - 1) * d;
            }
        }

        public static void DecodeLanes(in Q2_0 block, Span<float> values)
        {
            float d = block._d.Value;
            ReadOnlySpan<byte> bytes = block._q;
            for (int half = 0; half < 2; half++)
            {
                // Eight bytes, each to the four numbers that it has.
                Vector256<byte> spread = Avx2.Shuffle(Vector256.Create(BinaryPrimitives.ReadUInt64LittleEndian(bytes[(8 * half)..])).AsByte(), Vector256.Create(
                    0x0101_0101_0000_0000ul, 0x0303_0303_0202_0202, 0x0505_0505_0404_0404, 0x0707_0707_0606_0606).AsByte());
                Vector256<uint> numbers = spread.AsUInt32();
                numbers = (numbers & Vector256.Create(0x0000_0003u)) | ((numbers >>> 2) & Vector256.Create(0x0000_0300u)) | ((numbers >>> 4) & Vector256.Create(0x0003_0000u)) | ((numbers >>> 6) & Vector256.Create(0x0300_0000u));
                Lanes.WriteScaled(numbers.AsSByte() - Vector256<sbyte>.One, d, d, ref values.Slice(half * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q2_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q2_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void EncodeLanes(ReadOnlySpan<float> values, ref Q2_0 block)
        {
            int magnitude = Lanes.LargestMagnitude(values);
            if (magnitude >= Lanes.InfinityBits)
            {
                Encode(values, ref block);
                return;
            }
            float d = BitConverter.Int32BitsToSingle(magnitude);
            float inverse = d > 0 ? 1 / d : 0;
            if (float.IsInfinity(inverse))
            {
                Encode(values, ref block);
                return;
            }
            block._d = Scale.Of(d);
            Span<byte> bytes = block._q;
            for (int half = 0; half < 2; half++)
            {
                // No number is beyond ±1 times the scale: levels are 0, 1 and 2. Four of them come together in each integer.
                Vector256<byte> levels = new Numbers32(in values.Slice(half * 32, 32)[0]).RoundedAway(inverse) + Vector256<byte>.One;
                Vector256<short> pairs = Avx2.MultiplyAddAdjacent(levels, Vector256.Create((short)0x0401).AsSByte());
                Vector256<int> fours = Avx2.MultiplyAddAdjacent(pairs, Vector256.Create(0x0010_0001).AsInt16());
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[(half * 8)..], Lanes.LowBytes(fours, fours, fours, fours).AsUInt64().ToScalar());
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ref Q2_0 block)
        {
            float d = Math.Abs(Spread.Farthest(values));
            float inverse = d > 0 ? 1 / d : 0;
            block._d = Scale.Of(d);
            block._q = default;
            for (int index = 0; index < Length; index++)
            {
                int level = Math.Clamp(Rounding.AwayFromZero(values[index] * inverse) + 1, 0, 3);
                block._q[index / 4] |= (byte)(level << (index % 4 * 2));
            }
        }

        [InlineArray(16)]
        private struct Pairs
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 2-bit blocks: 64 numbers and their scale in 18 bytes.</summary>
        public static DType Q2_0 { get; } = Register(new QuantizedType<Q2_0>());
    }
}
