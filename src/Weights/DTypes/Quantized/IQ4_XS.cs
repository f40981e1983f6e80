using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 136 bytes, 4.25 bits each: a scale, for each group of 32 a signed 6-bit factor of it, and levels that lie closer to each other about
    /// zero.
    /// <code>
    /// byte  0 1        2 3: bit 2g + 1, 2g    4 + j: bit 7 … 4       3 … 0           8 + 16g + i: bit 7 … 4   3 … 0
    ///       d (F16)           s_g bit 5 4             s₂ⱼ₊₁ 3 … 0    s₂ⱼ 3 … 0                     qᵢ₊₁₆      qᵢ
    /// g = 0 … 7, i = 0 … 15, j = 0 … 3     x = d · (s - 32) · level(q)
    /// </code>
    /// The levels are <see cref="UnevenLevels.Values"/>. Source: ggml, <c>block_iq4_xs</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ4_XS : IQuantizedBlock<IQ4_XS>
    {
        private Scale _d;
        private ushort _scalesHigh;
        private ScalesLow _scalesLow;
        private Quants _q;

        public static string Name => "IQ4_XS";

        public static int Length => 256;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in IQ4_XS block, Span<float> values)
        {
            float d = block._d.Value;
            for (int group = 0; group < 8; group++)
            {
                int factor = (block._scalesLow[group / 2] >> (4 * (group % 2)) & 15) | (block._scalesHigh >> (2 * group) & 3) << 4;
                UnevenLevels.Decode(block._q[(16 * group)..(16 * group + 16)], d * (factor - 32), values.Slice(32 * group, 32));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ4_XS> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> weights = importances.IsEmpty ? default : importances.Slice(index * Length, Length);
                Encode(row.Slice(index * Length, Length), weights, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref IQ4_XS block)
        {
            block = default;
            Span<float> weights = stackalloc float[UnevenLevels.GroupLength];
            Span<float> scales = stackalloc float[8];
            float variance = ErrorWeights.SumOfSquares(values) * (2f / Length);
            float largest = 0;
            for (int group = 0; group < scales.Length; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(32 * group, 32);
                UnevenLevels.Weigh(numbers, importances.IsEmpty ? default : importances.Slice(32 * group, 32), variance, weights);
                scales[group] = UnevenLevels.FindScale(numbers, weights);
                largest = Math.Abs(scales[group]) > Math.Abs(largest) ? scales[group] : largest;
            }
            float d = -largest / 32;
            block._d = Scale.Of(d);
            float inverse = d != 0 ? 1 / d : 0;
            for (int group = 0; group < scales.Length; group++)
            {
                int factor = Math.Clamp(Rounding.Nearest(inverse * scales[group]), -32, 31);
                float scale = d * factor;
                UnevenLevels.Quantize(values.Slice(32 * group, 32), scale != 0 ? 1 / scale : 0, block._q[(16 * group)..(16 * group + 16)]);
                block._scalesLow[group / 2] |= (byte)((factor + 32 & 15) << (4 * (group % 2)));
                block._scalesHigh |= (ushort)((factor + 32) >> 4 << (2 * group));
            }
        }

        [InlineArray(4)]
        private struct ScalesLow
        {
            private byte _first;
        }

        [InlineArray(128)]
        private struct Quants
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's large 4-bit blocks of uneven levels: 256 numbers in 136 bytes.</summary>
        public static DType IQ4_XS { get; } = Register(new QuantizedType<IQ4_XS>());
    }
}
