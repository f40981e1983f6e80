using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 17 bytes: a power of two and 4-bit floats, 4.25 bits each. The numbers are those of an OCP microscaling block, the
    /// order of the nibbles is ggml's.
    /// <code>
    /// byte  0             1 … 16
    ///       e (E8M0)      q₀ … q₃₁ (E2M1)          x = 2^(e − 127) · q
    /// </code>
    /// e is two less than the exponent of the largest magnitude: that then lies between 4 and 8, of which 6 is the largest q.
    /// Neither zero nor NaN are among the scales: 0xFF is 2¹²⁸ (halved, 2¹²⁷, as all q are doubled). Source: ggml, <c>block_mxfp4</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct MXFP4 : IQuantizedBlock<MXFP4>, IScaledBlock<MXFP4>
    {
        private byte _e;
        private Nibbles _q;

        public static string Name => "MXFP4";

        public static int Length => 32;

        // 2^(e − 128), of which the lowest two are subnormal.
        private readonly float Half => BitConverter.UInt32BitsToSingle(_e < 2 ? 0x0020_0000u << _e : (_e - 1u) << 23);

        public static void ReadScales(in MXFP4 block, Span<float> scales) => scales[0] = 2 * block.Half;

        public static MXFP4 Of(ReadOnlySpan<float> scales, ReadOnlySpan<float> numbers)
        {
            // 2⁻¹²⁷, which is subnormal, has the exponent 0, too.
            MXFP4 block = new() { _e = (byte)((BitConverter.SingleToUInt32Bits(scales[0]) >> 23) & 0xFF) };
            block.Fill(numbers);
            return block;
        }

        public static void Decode(in MXFP4 block, Span<float> values)
        {
            float d = block.Half;
            for (int index = 0; index < Length; index++)
            {
                values[index] = DoubledF4.Values[block._q.Number(index)] * d;
            }
        }

        public static void DecodeLanes(in MXFP4 block, Span<float> values)
        {
            float d = block.Half;
            Lanes.WriteScaled(DoubledF4.Of(block._q.Numbers()), d, d, ref values[..Length][0]);
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<MXFP4> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<MXFP4> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> numbers, ref MXFP4 block)
        {
            block._e = Exponent(Math.Abs(Spread.Farthest(numbers)));
            block.Fill(numbers);
        }

        private void Fill(ReadOnlySpan<float> numbers)
        {
            Span<byte> levels = stackalloc byte[Length];
            float d = Half;
            for (int index = 0; index < Length; index++)
            {
                levels[index] = (byte)DoubledF4.Nearest(numbers[index], d);
            }
            _q = Nibbles.Of(levels);
        }

        private static void EncodeLanes(ReadOnlySpan<float> numbers, ref MXFP4 block)
        {
            int magnitude = Lanes.LargestMagnitude(numbers[..Length]);
            block._e = Exponent(BitConverter.Int32BitsToSingle(magnitude));
            float d = block.Half;
            if (!DoubledF4.Reaches(d, BitConverter.Int32BitsToSingle(magnitude)))
            {
                Encode(numbers, ref block);
                return;
            }
            Vector256<float> scale = Vector256.Create(d);
            block._q = Nibbles.OfLanes(Lanes.LowBytes(
                DoubledF4.NearestLanes(Vector256.Create(numbers[..8]), scale), DoubledF4.NearestLanes(Vector256.Create(numbers[8..16]), scale),
                DoubledF4.NearestLanes(Vector256.Create(numbers[16..24]), scale), DoubledF4.NearestLanes(Vector256.Create(numbers[24..32]), scale)));
        }

        // ⌊log₂ x⌋ + 125 in 8 bits, the logarithm being a binary32: some numbers that are just below a power of two have its logarithm.
        private static byte Exponent(float magnitude)
        {
            if (!(magnitude > 0) || float.IsInfinity(magnitude))
            {
                return 0;
            }
            // As a double, a subnormal number has an exponent like any other.
            ulong bits = BitConverter.DoubleToUInt64Bits(magnitude);
            int exponent = (int)(bits >> 52) - 1023;
            int above = exponent + 1;
            if (above is > 1 or < 0)
            {
                // log₂ (2ⁿ (1 − j 2⁻²⁴)) ≈ n − j 2⁻²⁴ / ln 2, next to which the binary32 numbers are 2^(k − 23) apart.
                int distance = (1 << 23) - (int)((bits >> 29) & ((1 << 23) - 1));
                int k = BitOperations.Log2((uint)(above > 0 ? above - 1 : -above));
                exponent += distance < (1 << k) * 0.6931471805599453 ? 1 : 0;
            }
            return unchecked((byte)(exponent - 2 + 127));
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>OCP microscaling 4-bit floats as ggml arranges them: 32 numbers and their power of two in 17 bytes.</summary>
        public static DType MXFP4 { get; } = Register(new QuantizedType<MXFP4>());
    }
}
