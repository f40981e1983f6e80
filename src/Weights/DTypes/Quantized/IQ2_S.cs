using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 82 bytes, 2.5625 bits each: a scale, 32 points of a code book, a sign for each number, and a level of the scale for each group of 16.
    /// <code>
    /// byte  0 1        2 + i            34 + i     66 + j: bit 7 6       5 4       3 2       1 0        74 + j: bit 7 … 4    3 … 0
    ///       d (F16)    pᵢ bits 7 … 0    signs             p₄ⱼ₊₃ 9 8   p₄ⱼ₊₂ 9 8  p₄ⱼ₊₁ 9 8  p₄ⱼ 9 8               l₂ⱼ₊₁      l₂ⱼ
    /// i = 0 … 31, j = 0 … 7     x = d · (l + ½) / 4 · ±point
    /// </code>
    /// Points are of 1024, with 8, 25 and 43 for the magnitudes of their eight numbers. Source: ggml, <c>block_iq2_s</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ2_S : IQuantizedBlock<IQ2_S>
    {
        private static readonly CodeSearchOptions s_search = new(16, 9, 0.1f, Refinement.OffGrid);

        private Scale _d;
        private Bytes32 _low;
        private Bytes32 _signs;
        private Bytes8 _high;
        private Bytes8 _levels;

        public static string Name => "IQ2_S";

        public static int Length => 256;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in IQ2_S block, Span<float> values)
        {
            float d = block._d.Value;
            for (int four = 0; four < 8; four++)
            {
                int high = block._high[four];
                int levels = block._levels[four];
                for (int index = 4 * four; index < 4 * four + 4; index++)
                {
                    float scale = d * (0.5f + (levels >> (4 * (index / 2 % 2)) & 15)) * 0.25f;
                    int point = block._low[index] | (high >> (2 * (index % 4)) & 3) << 8;
                    CodeGrid.Decode(CodeGrid.IQ2_S[point], block._signs[index], scale, values.Slice(8 * index, 8));
                }
            }
        }

        public static void DecodeLanes(in IQ2_S block, Span<float> values)
        {
            float d = block._d.Value;
            if (float.IsNaN(d))
            {
                Decode(in block, values);
                return;
            }
            ref ulong grid = ref CodeGrid.First(CodeGrid.IQ2_S);
            ref float target = ref values[..Length][0];
            for (int four = 0; four < 8; four++)
            {
                uint low = Unsafe.ReadUnaligned<uint>(in block._low[4 * four]);
                uint high = block._high[four];
                Vector256<ulong> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, (low & 0xFF) | ((high & 3) << 8)), CodeGrid.Point(ref grid, ((low >> 8) & 0xFF) | ((high & 0xC) << 6)),
                    CodeGrid.Point(ref grid, ((low >> 16) & 0xFF) | ((high & 0x30) << 4)), CodeGrid.Point(ref grid, (low >> 24) | ((high & 0xC0) << 2)));
                int level = block._levels[four];
                CodeGrid.Write(
                    levels.AsSByte(), Unsafe.ReadUnaligned<uint>(in block._signs[4 * four]),
                    d * (0.5f + (level & 15)) * 0.25f, d * (0.5f + (level >> 4)) * 0.25f, ref Unsafe.Add(ref target, 32 * four));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ2_S> blocks)
        {
            CodeSearch search = new(CodeBook.IQ2_S, s_search, stackalloc float[48], stackalloc ushort[2], stackalloc byte[2]);
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> weights = importances.IsEmpty ? default : importances.Slice(index * Length, Length);
                Encode(row.Slice(index * Length, Length), weights, ref search, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref CodeSearch search, ref IQ2_S block)
        {
            block = default;
            Span<float> scales = stackalloc float[16];
            float largestScale = 0;
            float variance = 2 * ErrorWeights.SumOfSquares(values) / Length;
            for (int group = 0; group < scales.Length; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(16 * group, 16);
                if (importances.IsEmpty)
                {
                    ErrorWeights.WeighBySquare(numbers, 0.25f * variance, search.Weights);
                }
                else
                {
                    ErrorWeights.Weigh(numbers, importances.Slice(16 * group, 16), variance, search.Weights);
                }
                search.Load(numbers);
                float largest = search.Largest;
                scales[group] = 0;
                if (largest < 1e-8f)
                {
                    continue;
                }
                search.Fit(largest, largest / 5);
                scales[group] = search.Scale;
                largestScale = largestScale > search.Scale ? largestScale : search.Scale;
                for (int point = 0; point < 2; point++)
                {
                    int index = CodeBook.IQ2_S.IndexOf(search.Codes[point]);
                    int place = 2 * group + point;
                    block._low[place] = unchecked((byte)index);
                    block._high[place / 4] |= (byte)(index >> 8 << (2 * (place % 4)));
                    block._signs[place] = search.Signs[point];
                }
            }
            if (largestScale == 0)
            {
                return;
            }
            float d = largestScale / 31;
            block._d = Scale.Of(d * 0.9875f);
            for (int group = 0; group < scales.Length; group++)
            {
                block._levels[group / 2] |= (byte)(CodeSearch.ScaleLevel(1 / d, scales[group]) << (4 * (group % 2)));
            }
        }

        [InlineArray(32)]
        private struct Bytes32
        {
            private byte _first;
        }

        [InlineArray(8)]
        private struct Bytes8
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's largest blocks of 2 bits: 256 numbers in 82 bytes.</summary>
        public static DType IQ2_S { get; } = Register(new QuantizedType<IQ2_S>());
    }
}
