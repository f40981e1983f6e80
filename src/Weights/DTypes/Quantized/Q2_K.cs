using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 84 bytes: 2-bit integers in sub-blocks of 16 with a scale and a minimum of 4 bits each, 2.625 bits each.
    /// <code>
    /// byte      0 … 15                 16 … 47               48 … 79               80 81        82 83
    /// bit 0 1   scale 0 … 15           q₀ … q₃₁              q₁₂₈ … q₁₅₉           d (F16)      dMin (F16)
    /// bit 2 3     (lower four)         q₃₂ … q₆₃             q₁₆₀ … q₁₉₁
    /// bit 4 5   minimum 0 … 15         q₆₄ … q₉₅             q₁₉₂ … q₂₂₃
    /// bit 6 7     (upper four)         q₉₆ … q₁₂₇            q₂₂₄ … q₂₅₅           x = d · scale · q − dMin · minimum
    /// </code>
    /// Source: ggml, <c>block_q2_K</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q2_K : IQuantizedBlock<Q2_K>
    {
        private const int SubBlocks = 16;
        private const int SubBlock = 16;
        private const int Largest = 3;
        private const int LargestScale = 15;

        private static readonly AffineSearch s_plain = new(Largest, -0.5f, 0.1f, 15, Absolute: true);

        private Scales _scales;
        private BitPairs _q;
        private Scale _d;
        private Scale _dMin;

        public static string Name => "Q2_K";

        public static int Length => SubBlocks * SubBlock;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q2_K block, Span<float> values)
        {
            for (int index = 0; index < Length; index++)
            {
                int scale = block._scales[index / SubBlock];
                values[index] = (block._d.Value * (scale & 0xF) * block._q.Number(index)) - (block._dMin.Value * (scale >> 4));
            }
        }

        public static void DecodeLanes(in Q2_K block, Span<float> values)
        {
            (float d, float dMin) = (block._d.Value, block._dMin.Value);
            for (int row = 0; row < 8; row++)
            {
                (int first, int second) = (block._scales[2 * row], block._scales[(2 * row) + 1]);
                Lanes.WriteAffine(block._q.Row(row), d * (first & 0xF), -(dMin * (first >> 4)), d * (second & 0xF), -(dMin * (second >> 4)), ref values.Slice(row * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q2_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                Encode(row[range], importances.IsEmpty ? [] : importances[range], ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q2_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                EncodeLanes(row[range], importances.IsEmpty ? [] : importances[range], ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, ref Q2_K block)
        {
            Span<float> scales = stackalloc float[SubBlocks];
            Span<float> minimums = stackalloc float[SubBlocks];
            Span<float> sums = stackalloc float[SubBlocks];
            Span<byte> levels = stackalloc byte[Length];
            Search(numbers, importances, scales, minimums, sums, levels);
            block.SetScales(scales, minimums, importances.IsEmpty ? [] : sums);
            block.Requantize(numbers, levels);
            block._q.Pack(levels);
        }

        [SkipLocalsInit]
        private static void EncodeLanes(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, ref Q2_K block)
        {
            Span<float> scales = stackalloc float[SubBlocks];
            Span<float> minimums = stackalloc float[SubBlocks];
            Span<float> sums = stackalloc float[SubBlocks];
            Span<float> levelInverses = stackalloc float[SubBlocks];
            Span<float> levelMinimums = stackalloc float[SubBlocks];
            Span<byte> levels = stackalloc byte[Length];
            Span<Vector256<float>> transposed = stackalloc Vector256<float>[SubBlock];
            Span<Vector256<float>> weights = stackalloc Vector256<float>[SubBlock];
            float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(numbers) / Length;
            for (int first = 0; first < SubBlocks; first += Lanes.Count)
            {
                Range half = (first * SubBlock)..((first + Lanes.Count) * SubBlock);
                Lanes.Transpose(numbers[half], transposed);
                if (importances.IsEmpty)
                {
                    for (int number = 0; number < SubBlock; number++)
                    {
                        weights[number] = Vector256.Abs(transposed[number]);
                    }
                }
                else
                {
                    ErrorWeights.WeighLanes(transposed, importances[half], square, weights);
                    ErrorWeights.SumLanes(weights).CopyTo(sums[first..]);
                }
                AffineLanes found = AffineLanes.Run(importances.IsEmpty ? s_plain : AffineSearch.WithImportances(Largest), transposed, weights);
                found.Scale.CopyTo(scales[first..]);
                (-found.Minimum).CopyTo(minimums[first..]);
                found.LevelInverse.CopyTo(levelInverses[first..]);
                found.LevelMinimum.CopyTo(levelMinimums[first..]);
            }
            block.SetScales(scales, minimums, importances.IsEmpty ? [] : sums);
            (float d, float dMin) = (block._d.Value, block._dMin.Value);
            for (int index = 0; index < SubBlocks; index++)
            {
                (scales[index], minimums[index]) = (d * (block._scales[index] & 0xF), dMin * (block._scales[index] >> 4));
            }
            LevelLanes lanes = new(SubBlock, 0, Largest);
            if (scales.Contains(0))
            {
                lanes.Scale(numbers, levelInverses, levelMinimums, levels);
            }
            lanes.Divide(numbers, scales, minimums, levels);
            block._q.PackLanes(levels);
        }

        // Rounds scales and minimums, with the sums of weights so that the weighted error is small.
        private void SetScales(ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums, ReadOnlySpan<float> sums)
        {
            Span<byte> scaleLevels = stackalloc byte[SubBlocks];
            Span<byte> minimumLevels = stackalloc byte[SubBlocks];
            if (sums.IsEmpty)
            {
                _d = Round(scales, scaleLevels);
                _dMin = Round(minimums, minimumLevels);
            }
            else
            {
                _d = Scale.Of(ScaleSearch.Positive(scales, sums, LargestScale, scaleLevels));
                _dMin = Scale.Of(ScaleSearch.Positive(minimums, sums, LargestScale, minimumLevels));
            }
            for (int index = 0; index < SubBlocks; index++)
            {
                _scales[index] = unchecked((byte)(scaleLevels[index] | (minimumLevels[index] << 4)));
            }
        }

        private static void Search(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, Span<float> scales, Span<float> minimums, Span<float> sums, Span<byte> levels)
        {
            Span<float> weights = stackalloc float[SubBlock];
            AffineSearch search = importances.IsEmpty ? s_plain : AffineSearch.WithImportances(Largest);
            float square = ErrorWeights.SumOfSquares(numbers) / Length;
            for (int index = 0; index < SubBlocks; index++)
            {
                Range range = (index * SubBlock)..((index + 1) * SubBlock);
                if (importances.IsEmpty)
                {
                    for (int number = 0; number < SubBlock; number++)
                    {
                        weights[number] = Math.Abs(numbers[range][number]);
                    }
                }
                else
                {
                    ErrorWeights.Weigh(numbers[range], importances[range], square, weights);
                    sums[index] = ErrorWeights.Sum(weights);
                }
                (scales[index], minimums[index]) = search.Run(numbers[range], weights, levels[range]);
            }
        }

        // Nearest multiples of 1/15 of the largest.
        private static Scale Round(ReadOnlySpan<float> values, Span<byte> levels)
        {
            float largest = 0;
            foreach (float value in values)
            {
                largest = value > largest ? value : largest;
            }
            levels.Clear();
            if (largest > 0)
            {
                float inverse = LargestScale / largest;
                for (int index = 0; index < levels.Length; index++)
                {
                    levels[index] = unchecked((byte)Rounding.Nearest(inverse * values[index]));
                }
            }
            return Scale.Of(largest > 0 ? largest / LargestScale : 0);
        }

        // The levels for the rounded scales, but for those of a scale of zero.
        private readonly void Requantize(ReadOnlySpan<float> numbers, Span<byte> levels)
        {
            for (int index = 0; index < SubBlocks; index++)
            {
                float d = _d.Value * (_scales[index] & 0xF);
                float m = _dMin.Value * (_scales[index] >> 4);
                for (int number = index * SubBlock; d != 0 && number < (index + 1) * SubBlock; number++)
                {
                    levels[number] = (byte)Math.Max(0, Math.Min(Largest, Rounding.Nearest((numbers[number] + m) / d)));
                }
            }
        }

        [InlineArray(SubBlocks)]
        private struct Scales
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 2-bit super-blocks: 256 numbers in 84 bytes, each 16 with a scale and a minimum.</summary>
        public static DType Q2_K { get; } = Register(new QuantizedType<Q2_K>());
    }
}
