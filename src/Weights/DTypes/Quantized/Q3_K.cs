using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 110 bytes: 3-bit integers in sub-blocks of 16 with a scale of 6 bits each, 3.4375 bits each.
    /// <code>
    /// byte  0 … 31                     32 … 95                            96 … 107                108 109
    ///       third bits of q₀ … q₂₅₅    lower two of q₀ … q₂₅₅             16 scales (U6)          d (F16)
    ///
    /// bit i of byte j: 32 · i + j      as in Q2_K                         x = d · (scale − 32) · (q − 4)
    ///
    /// byte      96 … 103                         104 … 107
    /// bit 0…3   lower four of scale 0 … 7        bits 0 1: upper of scale 0 … 3      bits 2 3: of 4 … 7
    /// bit 4…7   lower four of scale 8 … 15       bits 4 5: upper of scale 8 … 11     bits 6 7: of 12 … 15
    /// </code>
    /// Source: ggml, <c>block_q3_K</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q3_K : IQuantizedBlock<Q3_K>
    {
        private const int SubBlocks = 16;
        private const int SubBlock = 16;
        private const int Bound = 4;
        private const int ScaleBound = 32;

        private BitRows _high;
        private BitPairs _low;
        private Scales _scales;
        private Scale _d;

        public static string Name => "Q3_K";

        public static int Length => SubBlocks * SubBlock;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q3_K block, Span<float> values)
        {
            for (int index = 0; index < Length; index++)
            {
                values[index] = block._d.Value * block.ScaleOf(index / SubBlock) * (block._low.Number(index) + (4 * block._high.Number(index)) - Bound);
            }
        }

        public static void DecodeLanes(in Q3_K block, Span<float> values)
        {
            float d = block._d.Value;
            for (int row = 0; row < 8; row++)
            {
                Vector256<byte> levels = block._low.Row(row) | (block._high.Row(row).AsUInt16() << 2).AsByte();
                Lanes.WriteScaled(levels.AsSByte() - Vector256.Create((sbyte)Bound), d * block.ScaleOf(2 * row), d * block.ScaleOf((2 * row) + 1), ref values.Slice(row * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q3_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                Encode(row[range], importances.IsEmpty ? [] : importances[range], ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q3_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                EncodeLanes(row[range], importances.IsEmpty ? [] : importances[range], ref blocks[index]);
            }
        }

        private readonly int ScaleOf(int subBlock) =>
            ((_scales[subBlock % 8] >> (subBlock / 8 * 4) & 0xF) | ((_scales[8 + (subBlock % 4)] >> (subBlock / 4 * 2) & 3) << 4)) - ScaleBound;

        private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, ref Q3_K block)
        {
            Span<float> scales = stackalloc float[SubBlocks];
            Span<byte> scaleLevels = stackalloc byte[SubBlocks];
            Span<byte> levels = stackalloc byte[Length];
            if (importances.IsEmpty)
            {
                for (int index = 0; index < SubBlocks; index++)
                {
                    scales[index] = ScaleSearch.Refined(numbers.Slice(index * SubBlock, SubBlock), Bound, levels.Slice(index * SubBlock, SubBlock));
                }
                block._d = Round(scales, scaleLevels);
            }
            else
            {
                Span<float> sums = stackalloc float[SubBlocks];
                Search(numbers, importances, scales, sums, levels);
                block._d = Scale.Of(ScaleSearch.Symmetric(scales, sums, ScaleBound, scaleLevels));
            }
            block.PackScales(scaleLevels);
            block.Requantize(numbers, levels);
            block._high.Pack(levels, 2);
            block._low.Pack(levels);
        }

        [SkipLocalsInit]
        private static void EncodeLanes(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, ref Q3_K block)
        {
            // A search with importances counts on finite numbers.
            if (!importances.IsEmpty && Lanes.LargestMagnitude(numbers) >= Lanes.InfinityBits)
            {
                Encode(numbers, importances, ref block);
                return;
            }
            Span<float> scales = stackalloc float[SubBlocks];
            Span<float> sums = stackalloc float[SubBlocks];
            Span<byte> scaleLevels = stackalloc byte[SubBlocks];
            Span<byte> levels = stackalloc byte[Length];
            Span<float> factors = stackalloc float[SubBlocks];
            Span<Vector256<float>> integers = stackalloc Vector256<float>[2 * SubBlock];
            if (importances.IsEmpty)
            {
                Span<Vector256<float>> transposed = stackalloc Vector256<float>[2 * SubBlock];
                Lanes.Transpose(numbers[..(Length / 2)], transposed[..SubBlock]);
                Lanes.Transpose(numbers[(Length / 2)..], transposed[SubBlock..]);
                RefinedLanes.Run(transposed, Bound, integers, scales);
            }
            else
            {
                SearchLanes(numbers, importances, scales, sums, factors);
            }
            block._d = importances.IsEmpty ? Round(scales, scaleLevels) : Scale.Of(ScaleSearch.Symmetric(scales, sums, ScaleBound, scaleLevels));
            block.PackScales(scaleLevels);
            float d = block._d.Value;
            for (int index = 0; index < SubBlocks; index++)
            {
                scales[index] = d * block.ScaleOf(index);
            }
            sums.Clear();
            LevelLanes lanes = new(SubBlock, -Bound, Bound - 1);
            if (scales.Contains(0) && importances.IsEmpty)
            {
                Untranspose(integers[..SubBlock], levels[..(Length / 2)]);
                Untranspose(integers[SubBlock..], levels[(Length / 2)..]);
            }
            else if (scales.Contains(0))
            {
                lanes.Scale(numbers, factors, sums, levels);
            }
            lanes.Divide(numbers, scales, sums, levels);
            block._high.PackLanes(levels, 2);
            for (int index = 0; index < Length; index += 32)
            {
                (Vector256.Create<byte>(levels.Slice(index, 32)) & Vector256.Create((byte)3)).CopyTo(levels.Slice(index, 32));
            }
            block._low.PackLanes(levels);
        }

        // Levels are given by the factors.
        [SkipLocalsInit]
        private static void SearchLanes(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, Span<float> scales, Span<float> sums, Span<float> factors)
        {
            Span<Vector256<float>> transposed = stackalloc Vector256<float>[SubBlock];
            Span<Vector256<float>> weights = stackalloc Vector256<float>[SubBlock];
            float square = 2 * ErrorWeights.SumOfSquares(numbers) / Length;
            for (int first = 0; first < SubBlocks; first += Lanes.Count)
            {
                Range half = (first * SubBlock)..((first + Lanes.Count) * SubBlock);
                Lanes.Transpose(numbers[half], transposed);
                ErrorWeights.WeighLanes(transposed, importances[half], square, weights);
                ErrorWeights.SumLanes(weights).CopyTo(sums[first..]);
                (Vector256<float> scale, Vector256<float> inverse) = SymmetricLanes.Run(transposed, weights, Bound);
                scale.CopyTo(scales[first..]);
                inverse.CopyTo(factors[first..]);
            }
        }

        private static void Untranspose(ReadOnlySpan<Vector256<float>> integers, Span<byte> levels)
        {
            ReadOnlySpan<float> floats = MemoryMarshal.Cast<Vector256<float>, float>(integers);
            for (int index = 0; index < levels.Length; index++)
            {
                levels[index] = (byte)(floats[(index % SubBlock * Lanes.Count) + (index / SubBlock)] + Bound);
            }
        }

        private static void Search(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, Span<float> scales, Span<float> sums, Span<byte> levels)
        {
            Span<float> weights = stackalloc float[SubBlock];
            float square = 2 * ErrorWeights.SumOfSquares(numbers) / Length;
            for (int index = 0; index < SubBlocks; index++)
            {
                Range range = (index * SubBlock)..((index + 1) * SubBlock);
                ErrorWeights.Weigh(numbers[range], importances[range], square, weights);
                sums[index] = ErrorWeights.Sum(weights);
                scales[index] = ScaleSearch.Symmetric(numbers[range], weights, Bound, levels[range]);
            }
        }

        // Nearest multiples of −1/32 of the scale farthest from zero; levels of zero, which mean −32, if all are zero.
        private static Scale Round(ReadOnlySpan<float> scales, Span<byte> levels)
        {
            float farthest = Spread.Farthest(scales);
            levels.Clear();
            if (farthest == 0)
            {
                return Scale.Of(0);
            }
            float inverse = -ScaleBound / farthest;
            for (int index = 0; index < levels.Length; index++)
            {
                int integer = unchecked((sbyte)Rounding.Nearest(inverse * scales[index]));
                levels[index] = (byte)(Math.Max(-ScaleBound, Math.Min(ScaleBound - 1, integer)) + ScaleBound);
            }
            return Scale.Of(1 / inverse);
        }

        private void PackScales(ReadOnlySpan<byte> levels)
        {
            for (int index = 0; index < 8; index++)
            {
                _scales[index] = (byte)((levels[index] & 0xF) | ((levels[index + 8] & 0xF) << 4));
            }
            for (int index = 0; index < 4; index++)
            {
                _scales[index + 8] = (byte)((levels[index] >> 4) | (levels[index + 4] >> 4 << 2) | (levels[index + 8] >> 4 << 4) | (levels[index + 12] >> 4 << 6));
            }
        }

        // The levels for the rounded scales, but for those of a scale of zero.
        private readonly void Requantize(ReadOnlySpan<float> numbers, Span<byte> levels)
        {
            for (int index = 0; index < SubBlocks; index++)
            {
                float d = _d.Value * ScaleOf(index);
                for (int number = index * SubBlock; d != 0 && number < (index + 1) * SubBlock; number++)
                {
                    levels[number] = (byte)(Math.Max(-Bound, Math.Min(Bound - 1, Rounding.Nearest(numbers[number] / d))) + Bound);
                }
            }
        }

        [InlineArray(12)]
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
        /// <summary>ggml's 3-bit super-blocks: 256 numbers in 110 bytes, each 16 with a scale.</summary>
        public static DType Q3_K { get; } = Register(new QuantizedType<Q3_K>());
    }
}
