using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 64 numbers in 36 bytes: a scale for each sixteen and 4-bit floats, 4.5 bits each.
    /// <code>
    /// byte  0 … 3                   4 … 11           12 … 19            20 … 27            28 … 35
    ///       d₀ … d₃ (UE4M3)         q₀ … q₁₅         q₁₆ … q₃₁          q₃₂ … q₄₇          q₄₈ … q₆₃ (E2M1)          x = d · q
    /// </code>
    /// Of sixteen numbers, the first eight are in the low nibbles. Scales are E4M3 without a sign, bias 7, 0x7F (and 0) being zero;
    /// 6 · d is the largest magnitude. There is no scale of the whole tensor in the blocks. Source: ggml, <c>block_nvfp4</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct NVFP4 : IQuantizedBlock<NVFP4>, IScaledBlock<NVFP4>
    {
        private const int SubBlock = 16;
        private const byte LargestScale = 0x7E; // 448

        // Halved, as all q are doubled.
        private static readonly float[] s_halves = [.. Enumerable.Range(0, 256).Select(static bits => Half((byte)bits))];

        private Scales _d;
        private Floats _q;

        public static string Name => "NVFP4";

        public static int Length => 64;

        public static void ReadScales(in NVFP4 block, Span<float> scales)
        {
            for (int subBlock = 0; subBlock < scales.Length; subBlock++)
            {
                scales[subBlock] = 2 * s_halves[block._d[subBlock]];
            }
        }

        public static NVFP4 Of(ReadOnlySpan<float> scales, ReadOnlySpan<float> numbers)
        {
            NVFP4 block = default;
            for (int subBlock = 0; subBlock < scales.Length; subBlock++)
            {
                block.Encode(subBlock, numbers.Slice(subBlock * SubBlock, SubBlock), CodeOf(scales[subBlock]));
            }
            return block;
        }

        public static void Decode(in NVFP4 block, Span<float> values)
        {
            for (int index = 0; index < Length; index++)
            {
                int position = index % SubBlock;
                byte pair = block._q[(index / SubBlock * 8) + (position % 8)];
                values[index] = DoubledF4.Values[position < 8 ? pair & 0xF : pair >> 4] * s_halves[block._d[index / SubBlock]];
            }
        }

        public static void DecodeLanes(in NVFP4 block, Span<float> values)
        {
            ReadOnlySpan<byte> bytes = block._q;
            for (int half = 0; half < 2; half++)
            {
                // Two times eight bytes: low nibbles first, eight by eight.
                Vector128<ulong> pairs = Vector128.Create(bytes.Slice(half * 16, 16)).AsUInt64();
                Vector256<ulong> twice = Avx2.Permute4x64(Vector256.Create(pairs, pairs), 0b01_01_00_00);
                Vector256<byte> numbers = Avx2.ShiftRightLogicalVariable(twice, Vector256.Create(0ul, 4, 0, 4)).AsByte() & Vector256.Create((byte)0xF);
                Lanes.WriteScaled(DoubledF4.Of(numbers), s_halves[block._d[2 * half]], s_halves[block._d[(2 * half) + 1]], ref values.Slice(half * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<NVFP4> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                for (int subBlock = 0; subBlock < Length / SubBlock; subBlock++)
                {
                    blocks[index].Encode(subBlock, row.Slice((index * Length) + (subBlock * SubBlock), SubBlock));
                }
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<NVFP4> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                for (int subBlock = 0; subBlock < Length / SubBlock; subBlock++)
                {
                    blocks[index].EncodeLanes(subBlock, row.Slice((index * Length) + (subBlock * SubBlock), SubBlock));
                }
            }
        }

        private void EncodeLanes(int subBlock, ReadOnlySpan<float> numbers)
        {
            (Vector256<float> first, Vector256<float> second) = (Vector256.Create(numbers[..8]), Vector256.Create(numbers[8..16]));
            float magnitude = BitConverter.Int32BitsToSingle(Lanes.Largest(Vector256.Max(Lanes.Magnitude(first), Lanes.Magnitude(second))));
            byte scale = ScaleOf(magnitude / 6);
            float half = s_halves[scale];
            if (half == 0 || !DoubledF4.Reaches(half, magnitude))
            {
                Encode(subBlock, numbers);
                return;
            }
            _d[subBlock] = scale;
            // The two nibbles of each byte in eight lanes, of which the low bytes come together.
            Vector256<int> pairs = DoubledF4.NearestLanes(first, Vector256.Create(half)) | (DoubledF4.NearestLanes(second, Vector256.Create(half)) << 4);
            Vector256<byte> bytes = Lanes.LowBytes(pairs, pairs, pairs, pairs);
            BinaryPrimitives.WriteUInt64LittleEndian(_q[(subBlock * 8)..], bytes.AsUInt64().ToScalar());
        }

        private void Encode(int subBlock, ReadOnlySpan<float> numbers) => Encode(subBlock, numbers, ScaleOf(Math.Abs(Spread.Farthest(numbers)) / 6));

        private void Encode(int subBlock, ReadOnlySpan<float> numbers, byte scale)
        {
            _d[subBlock] = scale;
            float half = s_halves[scale];
            for (int index = 0; index < 8; index++)
            {
                _q[(subBlock * 8) + index] = (byte)(DoubledF4.Nearest(numbers[index], half) | (DoubledF4.Nearest(numbers[index + 8], half) << 4));
            }
        }

        private static float Half(byte bits)
        {
            int exponent = (bits >> 3) & 0xF;
            int fraction = bits & 7;
            float value = exponent == 0 ? MathF.ScaleB(fraction, -9) : MathF.ScaleB(1 + (fraction / 8f), exponent - 7);
            return bits is 0 or 0x7F ? 0 : value * 0.5f;
        }

        // Of what is a scale.
        private static byte CodeOf(float scale)
        {
            int code = (int)(BitConverter.SingleToUInt32Bits(scale) >> 20) - ((127 - 7) << 3);
            return (byte)(code < 1 << 3 ? (int)(scale * 512) : code);
        }

        // Half up, not to even, from the first bit that is cut off.
        private static byte ScaleOf(float value)
        {
            if (!(value > 0))
            {
                return 0;
            }
            uint bits = BitConverter.SingleToUInt32Bits(value > 448 ? 448 : value);
            int exponent = (int)(bits >> 23) - 127 + 7;
            if (exponent <= 0)
            {
                return (byte)Math.Min(7, (int)((value * 512) + 0.5f));
            }
            // The carry of the fraction is one more of the exponent. From 256 on, all is the largest.
            int code = (exponent << 3) + (int)((bits >> 20) & 7) + (int)((bits >> 19) & 1);
            return code < 15 << 3 ? (byte)code : LargestScale;
        }

        [InlineArray(4)]
        private struct Scales
        {
            private byte _first;
        }

        [InlineArray(32)]
        private struct Floats
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>NVIDIA's 4-bit floats as ggml arranges them: 64 numbers and a scale for each sixteen in 36 bytes.</summary>
        public static DType NVFP4 { get; } = Register(new QuantizedType<NVFP4>());
    }
}
