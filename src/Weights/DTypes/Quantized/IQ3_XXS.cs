using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 98 bytes, 3.0625 bits each: a scale, 64 points of a code book, and for each group of 32 four times seven signs and a level of the
    /// scale. The eighth sign makes the count of minus signs even.
    /// <code>
    /// byte  0 1        2 … 65        66 + 4g … 69 + 4g: bit 31 … 28   27 … 21   20 … 14   13 … 7   6 … 0     g = 0 … 7
    ///       d (F16)    p₀ … p₆₃                               l          s₃        s₂        s₁      s₀      x = d · (l + ½) / 2 · ±point
    /// </code>
    /// Points are of 256, with 4, 12, 20, 28, 36, 44, 52 and 62 for the magnitudes of their four numbers. Source: ggml, <c>block_iq3_xxs</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ3_XXS : IQuantizedBlock<IQ3_XXS>
    {
        private static readonly CodeSearchOptions s_search = new(32, 15, 0.2f, Refinement.OffGrid);

        private Scale _d;
        private Points _points;
        private Words _signs;

        public static string Name => "IQ3_XXS";

        public static int Length => 256;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in IQ3_XXS block, Span<float> values)
        {
            float d = block._d.Value;
            for (int group = 0; group < 8; group++)
            {
                uint signs = block._signs[group];
                float scale = d * (0.5f + (signs >> 28)) * 0.5f;
                for (int index = 4 * group; index < 4 * group + 4; index++)
                {
                    ulong levels = CodeGrid.IQ3_XXS[block._points[2 * index]] | (ulong)CodeGrid.IQ3_XXS[block._points[2 * index + 1]] << 32;
                    CodeGrid.Decode(levels, CodeGrid.WithParity(signs), scale, values.Slice(8 * index, 8));
                    signs >>= 7;
                }
            }
        }

        public static void DecodeLanes(in IQ3_XXS block, Span<float> values)
        {
            float d = block._d.Value;
            if (float.IsNaN(d))
            {
                Decode(in block, values);
                return;
            }
            ref uint grid = ref CodeGrid.First(CodeGrid.IQ3_XXS);
            ref float target = ref values[..Length][0];
            for (int group = 0; group < 8; group++)
            {
                uint low = Unsafe.ReadUnaligned<uint>(in block._points[8 * group]);
                uint high = Unsafe.ReadUnaligned<uint>(in block._points[(8 * group) + 4]);
                Vector256<uint> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, low & 0xFF), CodeGrid.Point(ref grid, (low >> 8) & 0xFF),
                    CodeGrid.Point(ref grid, (low >> 16) & 0xFF), CodeGrid.Point(ref grid, low >> 24),
                    CodeGrid.Point(ref grid, high & 0xFF), CodeGrid.Point(ref grid, (high >> 8) & 0xFF),
                    CodeGrid.Point(ref grid, (high >> 16) & 0xFF), CodeGrid.Point(ref grid, high >> 24));
                uint signs = block._signs[group];
                float scale = d * (0.5f + (signs >> 28)) * 0.5f;
                CodeGrid.Write(levels.AsSByte(), CodeGrid.WithParitiesOf28(signs), scale, scale, ref Unsafe.Add(ref target, 32 * group));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ3_XXS> blocks)
        {
            CodeSearch search = new(CodeBook.IQ3_XXS, s_search, stackalloc float[96], stackalloc ushort[8], stackalloc byte[4]);
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> weights = importances.IsEmpty ? default : importances.Slice(index * Length, Length);
                Encode(row.Slice(index * Length, Length), weights, ref search, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref CodeSearch search, ref IQ3_XXS block)
        {
            block = default;
            Span<float> scales = stackalloc float[8];
            float largestScale = 0;
            float variance = 2 * ErrorWeights.SumOfSquares(values) / Length;
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
                search.MakeSignsEven();
                float largest = search.Largest;
                scales[group] = 0;
                if (largest < 1e-8f)
                {
                    continue;
                }
                search.Fit(largest, largest / 15);
                scales[group] = search.Scale;
                largestScale = largestScale > search.Scale ? largestScale : search.Scale;
                for (int point = 0; point < 8; point++)
                {
                    block._points[8 * group + point] = (byte)CodeBook.IQ3_XXS.IndexOf(search.Codes[point]);
                }
                for (int eight = 0; eight < 4; eight++)
                {
                    block._signs[group] |= (search.Signs[eight] & 127u) << (7 * eight);
                }
            }
            if (largestScale == 0)
            {
                block = default;
                return;
            }
            float d = largestScale / 31;
            block._d = Scale.Of(d * 1.0125f);
            for (int group = 0; group < scales.Length; group++)
            {
                block._signs[group] |= (uint)CodeSearch.ScaleLevel(1 / d, scales[group]) << 28;
            }
        }

        [InlineArray(64)]
        private struct Points
        {
            private byte _first;
        }

        [InlineArray(8)]
        private struct Words
        {
            private uint _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's smaller blocks of 3 bits: 256 numbers in 98 bytes.</summary>
        public static DType IQ3_XXS { get; } = Register(new QuantizedType<IQ3_XXS>());
    }
}
