using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 50 bytes, 1.5625 bits each: a scale, 32 points of a code book, and for each group of 32 a level of the scale and whether its numbers
    /// are moved down or up.
    /// <code>
    /// byte  0 1        2 + 4g … 5 + 4g           34 + 2g, 35 + 2g: bit 15   14 … 12   11 … 9        8 … 6         5 … 3         2 … 0
    ///       d (F16)    p₀ p₁ p₂ p₃ bits 7 … 0                       down     l        p₃ 10 … 8    p₂ 10 … 8    p₁ 10 … 8    p₀ 10 … 8
    /// g = 0 … 7     x = d · (2 · l + 1) · (point ± 1/8)
    /// </code>
    /// Points are of 2048, with -1, 0 or 1 for each of their eight numbers. Source: ggml, <c>block_iq1_s</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ1_S : IQuantizedBlock<IQ1_S>
    {
        private const int GroupLength = 32;

        private Scale _d;
        private Bytes _low;
        private Words _high;

        public static string Name => "IQ1_S";

        public static int Length => 256;

        public static Importances Importances => Importances.Required;

        public static void Decode(in IQ1_S block, Span<float> values)
        {
            float d = block._d.Value;
            for (int group = 0; group < 8; group++)
            {
                int high = block._high[group];
                float scale = d * (2 * ((high >> 12) & 7) + 1);
                float shift = (high & 0x8000) != 0 ? -0.125f : 0.125f;
                for (int point = 0; point < 4; point++)
                {
                    ulong levels = CodeGrid.IQ1[block._low[4 * group + point] | ((high >> (3 * point)) & 7) << 8];
                    CodeGrid.DecodeShifted(levels, shift, scale, values.Slice(32 * group + 8 * point, 8));
                }
            }
        }

        public static void DecodeLanes(in IQ1_S block, Span<float> values)
        {
            float d = block._d.Value;
            ref ulong grid = ref CodeGrid.First(CodeGrid.IQ1);
            ref float target = ref values[..Length][0];
            for (int group = 0; group < 8; group++)
            {
                uint low = Unsafe.ReadUnaligned<uint>(in block._low[4 * group]);
                uint high = block._high[group];
                Vector256<ulong> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, (low & 0xFF) | ((high & 7) << 8)), CodeGrid.Point(ref grid, ((low >> 8) & 0xFF) | ((high & 0x38) << 5)),
                    CodeGrid.Point(ref grid, ((low >> 16) & 0xFF) | ((high & 0x1C0) << 2)), CodeGrid.Point(ref grid, (low >> 24) | ((high & 0xE00) >> 1)));
                float scale = d * ((2 * ((high >> 12) & 7)) + 1);
                CodeGrid.WriteShifted(levels, Vector256.Create((sbyte)(high >= 0x8000 ? -1 : 1)), scale, scale, ref Unsafe.Add(ref target, 32 * group));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ1_S> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), importances.Slice(index * Length, Length), ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref IQ1_S block)
        {
            block = default;
            Span<float> weights = stackalloc float[GroupLength];
            Span<ushort> codes = stackalloc ushort[4];
            Span<float> scales = stackalloc float[8];
            Span<bool> up = stackalloc bool[4];
            float largestScale = 0;
            float variance = 2 * ErrorWeights.SumOfSquares(values) / Length;
            for (int group = 0; group < scales.Length; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(GroupLength * group, GroupLength);
                ErrorWeights.Weigh(numbers, importances.Slice(GroupLength * group, GroupLength), variance, weights);
                float largest = TernarySearch.LargestOf(numbers);
                scales[group] = 0;
                if (largest < 1e-12f || !TernarySearch.Fit(numbers, weights, codes, out bool moved, out float scale))
                {
                    continue;
                }
                up.Fill(moved);
                scales[group] = TernarySearch.ToPoints(numbers, weights, up, scale, codes);
                largestScale = largestScale > scales[group] ? largestScale : scales[group];
                for (int point = 0; point < 4; point++)
                {
                    int index = CodeBook.IQ1.IndexOf(codes[point]);
                    block._low[4 * group + point] = unchecked((byte)index);
                    block._high[group] |= (ushort)(index >> 8 << (3 * point));
                }
                block._high[group] |= (ushort)(moved ? 0 : 0x8000);
            }
            float d = largestScale / 15;
            block._d = Scale.Of(d * 1.125f);
            for (int group = 0; group < scales.Length; group++)
            {
                block._high[group] = largestScale == 0
                    ? (ushort)(block._high[group] & 0x0FFF)
                    : (ushort)(block._high[group] | TernarySearch.ScaleLevel(1 / d, scales[group]) << 12);
            }
        }

        [InlineArray(32)]
        private struct Bytes
        {
            private byte _first;
        }

        [InlineArray(8)]
        private struct Words
        {
            private ushort _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's smaller ternary blocks of a code book: 256 numbers in 50 bytes, encoded with importances only.</summary>
        public static DType IQ1_S { get; } = Register(new QuantizedType<IQ1_S>());
    }
}
