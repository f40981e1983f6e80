using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 74 bytes, 2.3125 bits each: a scale, 32 points of a code book with their signs, and a level of the scale for each group of 16. The
    /// eighth sign of a point makes the count of minus signs even.
    /// <code>
    /// byte  0 1        2 + 2i, 3 + 2i: bit 15 … 9   8 … 0        66 + j: bit 7 … 4    3 … 0      i = 0 … 31, j = 0 … 7
    ///       d (F16)                      signs      point               l₂ⱼ₊₁      l₂ⱼ        x = d · (l + ½) / 4 · ±point
    /// </code>
    /// Points are of 512, with 8, 25 and 43 for the magnitudes of their eight numbers. Source: ggml, <c>block_iq2_xs</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ2_XS : IQuantizedBlock<IQ2_XS>
    {
        private static readonly CodeSearchOptions s_search = new(16, 9, 0.1f, Refinement.OffGrid);

        private Scale _d;
        private Points _points;
        private Levels _levels;

        public static string Name => "IQ2_XS";

        public static int Length => 256;

        public static Importances Importances => Importances.Required;

        public static void Decode(in IQ2_XS block, Span<float> values)
        {
            float d = block._d.Value;
            for (int index = 0; index < 32; index++)
            {
                int level = (block._levels[index / 4] >> (4 * (index / 2 % 2))) & 15;
                float scale = d * (0.5f + level) * 0.25f;
                ushort point = block._points[index];
                CodeGrid.Decode(CodeGrid.IQ2_XS[point & 511], CodeGrid.WithParity((uint)point >> 9), scale, values.Slice(8 * index, 8));
            }
        }

        public static void DecodeLanes(in IQ2_XS block, Span<float> values)
        {
            float d = block._d.Value;
            if (float.IsNaN(d))
            {
                Decode(in block, values);
                return;
            }
            ref ulong grid = ref CodeGrid.First(CodeGrid.IQ2_XS);
            ref float target = ref values[..Length][0];
            for (int group = 0; group < 8; group++)
            {
                ulong points = Unsafe.ReadUnaligned<ulong>(in Unsafe.As<ushort, byte>(ref Unsafe.AsRef(in block._points[4 * group])));
                (uint lower, uint upper) = ((uint)(points & uint.MaxValue), (uint)(points >> 32));
                Vector256<ulong> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, lower & 511), CodeGrid.Point(ref grid, (lower >> 16) & 511),
                    CodeGrid.Point(ref grid, upper & 511), CodeGrid.Point(ref grid, (upper >> 16) & 511));
                // The upper seven bits of each word, one lot next to the other.
                ulong signs = (points >> 9) & 0x007F_007F_007F_007F;
                signs = (signs | (signs >> 8)) & 0x0000_FFFF_0000_FFFF;
                int level = block._levels[group];
                CodeGrid.Write(
                    levels.AsSByte(), CodeGrid.WithParities(unchecked((uint)(signs | (signs >> 16)))),
                    d * (0.5f + (level & 15)) * 0.25f, d * (0.5f + (level >> 4)) * 0.25f, ref Unsafe.Add(ref target, 32 * group));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ2_XS> blocks)
        {
            CodeSearch search = new(CodeBook.IQ2_XS, s_search, stackalloc float[48], stackalloc ushort[2], stackalloc byte[2]);
            for (int index = 0; index < blocks.Length; index++)
            {
                Encode(row.Slice(index * Length, Length), importances.Slice(index * Length, Length), ref search, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref CodeSearch search, ref IQ2_XS block)
        {
            block = default;
            Span<float> scales = stackalloc float[16];
            float largestScale = 0;
            float variance = ErrorWeights.SumOfSquares(values) / Length;
            for (int group = 0; group < scales.Length; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(16 * group, 16);
                ErrorWeights.Weigh(numbers, importances.Slice(16 * group, 16), variance, search.Weights);
                search.Load(numbers);
                search.MakeSignsEven();
                float largest = search.Largest;
                scales[group] = 0;
                if (largest < 1e-15f)
                {
                    continue;
                }
                search.Fit(largest, largest / 5);
                scales[group] = search.Scale;
                largestScale = largestScale > search.Scale ? largestScale : search.Scale;
                for (int point = 0; point < 2; point++)
                {
                    block._points[2 * group + point] = (ushort)(CodeBook.IQ2_XS.IndexOf(search.Codes[point]) | (search.Signs[point] & 127) << 9);
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
                block._levels[group / 2] |= (byte)(CodeSearch.ScaleLevel(1 / d, scales[group]) << (4 * (group % 2)));
            }
        }

        [InlineArray(32)]
        private struct Points
        {
            private ushort _first;
        }

        [InlineArray(8)]
        private struct Levels
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's blocks of 2 bits with more points: 256 numbers in 74 bytes, encoded with importances only.</summary>
        public static DType IQ2_XS { get; } = Register(new QuantizedType<IQ2_XS>());
    }
}
