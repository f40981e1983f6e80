using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 34 bytes: a scale and 8-bit integers, 8.5 bits each.
    /// <code>
    /// byte  0 1        2 … 33
    ///       d (F16)    q₀ … q₃₁ (I8)          x = d · q
    /// </code>
    /// d = max |x| / 127. Source: ggml, <c>block_q8_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q8_0 : IQuantizedBlock<Q8_0>, IScaledBlock<Q8_0>
    {
        private Scale _d;
        private Integers _q;

        public static string Name => "Q8_0";

        public static int Length => 32;

        public static void ReadScales(in Q8_0 block, Span<float> scales) => scales[0] = block._d.Value;

        public static Q8_0 Of(ReadOnlySpan<float> scales, ReadOnlySpan<float> numbers)
        {
            Q8_0 block = new() { _d = Scale.Of(scales[0]) };
            for (int index = 0; index < Length; index++)
            {
                block._q[index] = (sbyte)Rounding.Multiple(numbers[index], scales[0], sbyte.MinValue, sbyte.MaxValue);
            }
            return block;
        }

        public static void Decode(in Q8_0 block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < Length; index++)
            {
                values[index] = d * block._q[index];
            }
        }

        public static void DecodeLanes(in Q8_0 block, Span<float> values)
        {
            float d = block._d.Value;
            Lanes.WriteScaled(Vector256.Create((ReadOnlySpan<sbyte>)block._q), d, d, ref values[..Length][0]);
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q8_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q8_0> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void EncodeLanes(ReadOnlySpan<float> values, ref Q8_0 block)
        {
            Numbers32 numbers = new(in values[..Length][0]);
            int magnitude = numbers.LargestMagnitude();
            if (magnitude > Lanes.InfinityBits)
            {
                Encode(values, ref block);
                return;
            }
            float d = BitConverter.Int32BitsToSingle(magnitude) / 127;
            block._d = Scale.Of(d);
            numbers.RoundedAway(d != 0 ? 1 / d : 0).AsSByte().CopyTo(block._q);
        }

        private static void Encode(ReadOnlySpan<float> values, ref Q8_0 block)
        {
            float d = Spread.Magnitude(values) / 127;
            float inverse = d != 0 ? 1 / d : 0;
            block._d = Scale.Of(d);
            for (int index = 0; index < Length; index++)
            {
                block._q[index] = unchecked((sbyte)Rounding.AwayFromZero(values[index] * inverse));
            }
        }

        [InlineArray(32)]
        private struct Integers
        {
            private sbyte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 8-bit blocks: 32 numbers and their scale in 34 bytes.</summary>
        public static DType Q8_0 { get; } = Register(new QuantizedType<Q8_0>());
    }
}
