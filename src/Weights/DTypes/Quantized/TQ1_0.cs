using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 54 bytes: five base-3 digits to a byte and a scale, 1.6875 bits each; for ternary models (BitNet b1.58, TriLMs).
    /// <code>
    /// byte   0 … 31                             32 … 47                                48 … 51                            52 53
    ///        q₀ q₃₂ q₆₄ q₉₆ q₁₂₈ …              q₁₆₀ q₁₇₆ q₁₉₂ q₂₀₈ q₂₂₄ …             q₂₄₀ q₂₄₄ q₂₄₈ q₂₅₂ …              d (F16)
    ///
    /// byte = ⌈(81 · first + 27 · second + 9 · third + 3 · fourth + fifth) · 256 / 243⌉          x = d · (q − 1)
    /// </code>
    /// A byte is the digits' fraction of 1 in 256ths: each multiplication by 3 brings out the next digit above the byte. In the last four
    /// bytes the fifth digit is 0. d is the largest magnitude. Source: ggml, <c>block_tq1_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct TQ1_0 : IQuantizedBlock<TQ1_0>
    {
        private Digits _q;
        private Scale _d;

        public static string Name => "TQ1_0";

        public static int Length => 256;

        // Runs of bytes: where they start, how many they are, which is also how far apart the numbers of a byte are, and how many each has.
        private static readonly (int Byte, int Count, int Number, int Digits)[] s_runs = [(0, 32, 0, 5), (32, 16, 160, 5), (48, 4, 240, 4)];

        public static void Decode(in TQ1_0 block, Span<float> values)
        {
            float d = block._d.Value;
            foreach ((int start, int count, int number, int digits) in s_runs)
            {
                for (int index = 0; index < count; index++)
                {
                    int fraction = block._q[start + index];
                    for (int digit = 0; digit < digits; digit++)
                    {
                        fraction *= 3;
                        values[number + index + (digit * count)] = ((fraction >> 8) - 1) * d;
                        fraction &= 0xFF;
                    }
                }
            }
        }

        public static void DecodeLanes(in TQ1_0 block, Span<float> values)
        {
            float d = block._d.Value;
            ReadOnlySpan<byte> bytes = block._q;
            Vector256<byte> fractions = Vector256.Create(bytes[..32]);
            for (int row = 0; row < 5; row++)
            {
                Lanes.WriteScaled(NextDigit(ref fractions), d, d, ref values.Slice(row * 32, 32)[0]);
            }
            fractions = Vector256.Create(Vector128.Create(bytes.Slice(32, 16)), default);
            Span<float> rest = stackalloc float[32];
            for (int row = 0; row < 5; row++)
            {
                Lanes.WriteScaled(NextDigit(ref fractions), d, d, ref rest[0]);
                rest[..16].CopyTo(values[(160 + (row * 16))..]);
            }
            fractions = Vector256.CreateScalar(BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..])).AsByte();
            for (int row = 0; row < 4; row++)
            {
                Lanes.WriteScaled(NextDigit(ref fractions), d, d, ref rest[0]);
                rest[..4].CopyTo(values[(240 + (row * 4))..]);
            }
        }

        // The digit less one; the fraction that is left is its argument's.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<sbyte> NextDigit(ref Vector256<byte> fractions)
        {
            // 3 · fraction is 256 at 86, 512 at 171.
            Vector256<byte> digit = Vector256<byte>.Zero - Vector256.GreaterThanOrEqual(fractions, Vector256.Create((byte)86)) - Vector256.GreaterThanOrEqual(fractions, Vector256.Create((byte)171));
            fractions = fractions + fractions + fractions;
            return digit.AsSByte() - Vector256<sbyte>.One;
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<TQ1_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<TQ1_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void EncodeLanes(ReadOnlySpan<float> values, ref TQ1_0 block)
        {
            int magnitude = Lanes.LargestMagnitude(values);
            if (magnitude > Lanes.InfinityBits)
            {
                Encode(values, ref block);
                return;
            }
            float d = BitConverter.Int32BitsToSingle(magnitude);
            float inverse = d != 0 ? 1 / d : 0;
            block._d = Scale.Of(d);
            // 160 numbers to 32 bytes, 80 to 16, 16 to 4; a fifth digit of the last ones is 0.
            Span<byte> digits = stackalloc byte[Length + 32 + 4];
            for (int index = 0; index < Length; index += 32)
            {
                (new Numbers32(in values.Slice(index, 32)[0]).RoundedAway(inverse) + Vector256<byte>.One).CopyTo(digits[index..]);
            }
            digits[Length..].Clear();
            Span<byte> bytes = block._q;
            Fractions(digits, 32).CopyTo(bytes);
            Fractions(digits[160..], 16).GetLower().CopyTo(bytes[32..]);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[48..], Fractions(digits[240..], 4).AsUInt32().ToScalar());
        }

        // Bytes of five digits each, which are `apart`.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<byte> Fractions(ReadOnlySpan<byte> digits, int apart)
        {
            Vector256<byte> all = Vector256<byte>.Zero;
            for (int digit = 0; digit < 5; digit++)
            {
                all = all + all + all + Vector256.Create(digits.Slice(digit * apart, 32));
            }
            // ⌈256 n / 243⌉ = n + ⌊(13 n + 242) / 243⌋, where dividing by 243 is multiplying by 270 / 65536: for n < 243 the same.
            (Vector256<ushort> lower, Vector256<ushort> upper) = Vector256.Widen(all);
            lower += Avx2.MultiplyHigh((lower * 13) + Vector256.Create((ushort)242), Vector256.Create((ushort)270));
            upper += Avx2.MultiplyHigh((upper * 13) + Vector256.Create((ushort)242), Vector256.Create((ushort)270));
            return Vector256.Narrow(lower, upper);
        }

        private static void Encode(ReadOnlySpan<float> values, ref TQ1_0 block)
        {
            float d = Spread.Magnitude(values);
            float inverse = d != 0 ? 1 / d : 0;
            block._d = Scale.Of(d);
            foreach ((int start, int count, int number, int digits) in s_runs)
            {
                for (int index = 0; index < count; index++)
                {
                    int all = 0;
                    for (int digit = 0; digit < 5; digit++)
                    {
                        int trit = digit < digits ? Rounding.AwayFromZero(values[number + index + (digit * count)] * inverse) + 1 : 0;
                        all = unchecked((byte)((all * 3) + trit));
                    }
                    block._q[start + index] = unchecked((byte)(((all * 256) + 242) / 243));
                }
            }
        }

        [InlineArray(52)]
        private struct Digits
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's ternary blocks of base-3 digits: 256 numbers and their scale in 54 bytes.</summary>
        public static DType TQ1_0 { get; } = Register(new QuantizedType<TQ1_0>());
    }
}
