using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 110 bytes, 3.4375 bits each: a scale, 64 points of a code book, a sign for each number, and a level of the scale for each group of 32.
    /// <code>
    /// byte  0 1        2 + i            66 + j: bit 7 … 0         74 … 105    106 + k: bit 7 … 4    3 … 0
    ///       d (F16)    pᵢ bits 7 … 0            p₈ⱼ₊₇ … p₈ⱼ bit 8     signs             l₂ₖ₊₁      l₂ₖ
    /// i = 0 … 63, j = 0 … 7, k = 0 … 3     x = d · (2 · l + 1) · ±point
    /// </code>
    /// Points are of 512, with 1, 3, 5, 7, 9, 11, 13 and 15 for the magnitudes of their four numbers. Source: ggml, <c>block_iq3_s</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ3_S : IQuantizedBlock<IQ3_S>
    {
        private static readonly CodeSearchOptions s_search = new(32, 9, 0.2f, Refinement.AllIfOffGrid);

        private Scale _d;
        private Bytes64 _low;
        private Bytes8 _high;
        private Bytes32 _signs;
        private Bytes4 _levels;

        public static string Name => "IQ3_S";

        public static int Length => 256;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in IQ3_S block, Span<float> values)
        {
            float d = block._d.Value;
            for (int group = 0; group < 8; group++)
            {
                int level = (block._levels[group / 2] >> (4 * (group % 2))) & 15;
                float scale = d * (1 + 2 * level);
                int high = block._high[group];
                for (int index = 4 * group; index < 4 * group + 4; index++)
                {
                    ulong levels = CodeGrid.IQ3_S[block._low[2 * index] | (high & 1) << 8]
                        | (ulong)CodeGrid.IQ3_S[block._low[2 * index + 1] | (high & 2) << 7] << 32;
                    CodeGrid.Decode(levels, block._signs[index], scale, values.Slice(8 * index, 8));
                    high >>= 2;
                }
            }
        }

        public static void DecodeLanes(in IQ3_S block, Span<float> values)
        {
            float d = block._d.Value;
            if (float.IsNaN(d))
            {
                Decode(in block, values);
                return;
            }
            ref uint grid = ref CodeGrid.First(CodeGrid.IQ3_S);
            ref float target = ref values[..Length][0];
            for (int group = 0; group < 8; group++)
            {
                uint low = Unsafe.ReadUnaligned<uint>(in block._low[8 * group]);
                uint next = Unsafe.ReadUnaligned<uint>(in block._low[(8 * group) + 4]);
                uint high = block._high[group];
                Vector256<uint> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, (low & 0xFF) | ((high & 1) << 8)), CodeGrid.Point(ref grid, ((low >> 8) & 0xFF) | ((high & 2) << 7)),
                    CodeGrid.Point(ref grid, ((low >> 16) & 0xFF) | ((high & 4) << 6)), CodeGrid.Point(ref grid, (low >> 24) | ((high & 8) << 5)),
                    CodeGrid.Point(ref grid, (next & 0xFF) | ((high & 16) << 4)), CodeGrid.Point(ref grid, ((next >> 8) & 0xFF) | ((high & 32) << 3)),
                    CodeGrid.Point(ref grid, ((next >> 16) & 0xFF) | ((high & 64) << 2)), CodeGrid.Point(ref grid, (next >> 24) | ((high & 128) << 1)));
                float scale = d * (1 + (2 * ((block._levels[group / 2] >> (4 * (group % 2))) & 15)));
                CodeGrid.Write(levels.AsSByte(), Unsafe.ReadUnaligned<uint>(in block._signs[4 * group]), scale, scale, ref Unsafe.Add(ref target, 32 * group));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ3_S> blocks)
        {
            CodeSearch search = new(CodeBook.IQ3_S, s_search, stackalloc float[96], stackalloc ushort[8], stackalloc byte[4]);
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> weights = importances.IsEmpty ? default : importances.Slice(index * Length, Length);
                Encode(row.Slice(index * Length, Length), weights, ref search, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref CodeSearch search, ref IQ3_S block)
        {
            block = default;
            Span<float> scales = stackalloc float[8];
            float largestScale = 0;
            float variance = 2 * ErrorWeights.SumOfSquares(values) / Length;

            // After a group of zeros the next group's points and signs, but not the points' ninth bits, come where its own would be, in the reference
            // implementation as here: it leaves the group out without going on in the block.
            int place = 0;
            for (int group = 0; group < scales.Length; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(32 * group, 32);
                if (importances.IsEmpty)
                {
                    ErrorWeights.WeighBySquare(numbers, 0, search.Weights);
                }
                else
                {
                    ErrorWeights.Weigh(numbers, importances.Slice(32 * group, 32), variance, search.Weights);
                }
                search.Load(numbers);
                float largest = search.Largest;
                scales[group] = 0;
                if (largest == 0)
                {
                    continue;
                }
                search.Fit(largest, largest / 15);
                scales[group] = search.Scale;
                largestScale = largestScale > search.Scale ? largestScale : search.Scale;
                for (int point = 0; point < 8; point++)
                {
                    int index = CodeBook.IQ3_S.IndexOf(search.Codes[point]);
                    block._low[8 * place + point] = unchecked((byte)index);
                    block._high[group] |= (byte)(index >> 8 << point);
                }
                search.Signs.CopyTo(block._signs[(4 * place)..]);
                place++;
            }
            if (largestScale == 0)
            {
                return;
            }
            float d = largestScale / 31;
            block._d = Scale.Of(d * 1.033f);
            for (int group = 0; group < scales.Length; group++)
            {
                block._levels[group / 2] |= (byte)(CodeSearch.ScaleLevel(1 / d, scales[group]) << (4 * (group % 2)));
            }
        }

        [InlineArray(64)]
        private struct Bytes64
        {
            private byte _first;
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

        [InlineArray(4)]
        private struct Bytes4
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's larger blocks of 3 bits: 256 numbers in 110 bytes.</summary>
        public static DType IQ3_S { get; } = Register(new QuantizedType<IQ3_S>());
    }
}
