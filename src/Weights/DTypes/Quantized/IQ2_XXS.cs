using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 66 bytes, 2.0625 bits each: a scale, and for each group of 32 four points of a code book, four times seven signs and a level of
    /// the scale. The eighth sign of a point makes the count of minus signs even.
    /// <code>
    /// byte  0 1        2 + 8g … 5 + 8g    6 + 8g … 9 + 8g: bit 31 … 28   27 … 21   20 … 14   13 … 7   6 … 0     g = 0 … 7
    ///       d (F16)    p₀ p₁ p₂ p₃                               l          s₃        s₂        s₁      s₀      x = d · (l + ½) / 4 · ±point
    /// </code>
    /// Points are of 256, with 8, 25 and 43 for the magnitudes of their eight numbers. Source: ggml, <c>block_iq2_xxs</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ2_XXS : IQuantizedBlock<IQ2_XXS>
    {
        private static readonly CodeSearchOptions s_search = new(32, 6, 0.1f, Refinement.Always);

        private Scale _d;
        private Words _groups;

        public static string Name => "IQ2_XXS";

        public static int Length => 256;

        public static Importances Importances => Importances.Required;

        public static void Decode(in IQ2_XXS block, Span<float> values)
        {
            float d = block._d.Value;
            for (int group = 0; group < 8; group++)
            {
                uint points = block._groups[2 * group];
                uint signs = block._groups[2 * group + 1];
                float scale = d * (0.5f + (signs >> 28)) * 0.25f;
                for (int point = 0; point < 4; point++)
                {
                    ulong levels = CodeGrid.IQ2_XXS[(points >> (8 * point)) & 0xFF];
                    CodeGrid.Decode(levels, CodeGrid.WithParity(signs >> (7 * point)), scale, values.Slice(32 * group + 8 * point, 8));
                }
            }
        }

        public static void DecodeLanes(in IQ2_XXS block, Span<float> values)
        {
            float d = block._d.Value;
            if (float.IsNaN(d))
            {
                Decode(in block, values);
                return;
            }
            ref ulong grid = ref CodeGrid.First(CodeGrid.IQ2_XXS);
            ref float target = ref values[..Length][0];
            for (int group = 0; group < 8; group++)
            {
                uint points = block._groups[2 * group];
                uint signs = block._groups[(2 * group) + 1];
                float scale = d * (0.5f + (signs >> 28)) * 0.25f;
                Vector256<ulong> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, points & 0xFF), CodeGrid.Point(ref grid, (points >> 8) & 0xFF),
                    CodeGrid.Point(ref grid, (points >> 16) & 0xFF), CodeGrid.Point(ref grid, points >> 24));
                CodeGrid.Write(levels.AsSByte(), CodeGrid.WithParitiesOf28(signs), scale, scale, ref Unsafe.Add(ref target, 32 * group));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ2_XXS> blocks)
        {
            CodeSearch search = new(CodeBook.IQ2_XXS, s_search, stackalloc float[96], stackalloc ushort[4], stackalloc byte[4]);
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), importances.Slice(index * Length, Length), ref search, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref CodeSearch search, ref IQ2_XXS block)
        {
            block = default;
            Span<float> scales = stackalloc float[8];
            Span<byte> levels = stackalloc byte[32];
            float largestScale = 0;
            float variance = ErrorWeights.SumOfSquares(values) / Length;
            for (int group = 0; group < scales.Length; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(32 * group, 32);
                ErrorWeights.Weigh(numbers, importances.Slice(32 * group, 32), variance, search.Weights);
                search.Load(numbers);
                search.MakeSignsEven();
                float scale = ScaleSearch.Positive(search.Numbers, search.Weights, 4, levels);
                float extent = scale * 3;
                scales[group] = 0;
                if (extent <= 0)
                {
                    continue;
                }
                search.Fit(extent, scale);
                scales[group] = search.Scale;
                largestScale = largestScale > search.Scale ? largestScale : search.Scale;
                for (int point = 0; point < 4; point++)
                {
                    block._groups[2 * group] |= (uint)CodeBook.IQ2_XXS.IndexOf(search.Codes[point]) << (8 * point);
                    block._groups[2 * group + 1] |= (search.Signs[point] & 127u) << (7 * point);
                }
            }
            if (largestScale == 0)
            {
                block = default;
                return;
            }
            float d = largestScale / 31;
            block._d = Scale.Of(d);
            for (int group = 0; group < scales.Length; group++)
            {
                block._groups[2 * group + 1] |= (uint)CodeSearch.ScaleLevel(1 / d, scales[group]) << 28;
            }
        }

        [InlineArray(16)]
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
        /// <summary>ggml's smallest blocks of 2 bits: 256 numbers in 66 bytes, encoded with importances only.</summary>
        public static DType IQ2_XXS { get; } = Register(new QuantizedType<IQ2_XXS>());
    }
}
