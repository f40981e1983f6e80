using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 210 bytes: 6-bit integers in sub-blocks of 16 with a scale of 8 bits each, 6.5625 bits each.
    /// <code>
    /// byte      0 … 31            32 … 63          64 … 95             96 … 127          128 … 159        160 … 191         192 … 207          208 209
    /// bit 0 1   q₀ … q₃₁          q₃₂ … q₆₃        q₁₂₈ … q₁₅₉         q₁₆₀ … q₁₉₁       q₀ … q₃₁         q₁₂₈ … q₁₅₉       16 scales (I8)     d (F16)
    /// bit 2 3     (lower four)      (lower four)     (lower four)        (lower four)    q₃₂ … q₆₃        q₁₆₀ … q₁₉₁
    /// bit 4 5   q₆₄ … q₉₅         q₉₆ … q₁₂₇       q₁₉₂ … q₂₂₃         q₂₂₄ … q₂₅₅       q₆₄ … q₉₅        q₁₉₂ … q₂₂₃
    /// bit 6 7     (lower four)      (lower four)     (lower four)        (lower four)    q₉₆ … q₁₂₇       q₂₂₄ … q₂₅₅     (upper two)
    ///
    /// x = d · scale · (q − 32)
    /// </code>
    /// Source: ggml, <c>block_q6_K</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q6_K : IQuantizedBlock<Q6_K>
    {
        private const int SubBlocks = 16;
        private const int SubBlock = 16;
        private const int Bound = 32;

        private Low _low;
        private BitPairs _high;
        private Scales _scales;
        private Scale _d;

        public static string Name => "Q6_K";

        public static int Length => SubBlocks * SubBlock;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q6_K block, Span<float> values)
        {
            for (int index = 0; index < Length; index++)
            {
                int low = (block._low[(index / 128 * 64) + (index % 64)] >> (index % 128 / 64 * 4)) & 0xF;
                values[index] = block._d.Value * block._scales[index / SubBlock] * ((low | (block._high.Number(index) << 4)) - Bound);
            }
        }

        public static void DecodeLanes(in Q6_K block, Span<float> values)
        {
            float d = block._d.Value;
            ReadOnlySpan<byte> low = block._low;
            for (int row = 0; row < 8; row++)
            {
                // Rows 0 and 1 are in the low nibbles of 64 bytes, 2 and 3 in the high ones.
                Vector256<byte> pairs = Vector256.Create(low.Slice((row / 4 * 64) + (row % 2 * 32), 32));
                Vector256<byte> levels = ((pairs.AsUInt16() >>> (row % 4 / 2 * 4)).AsByte() & Vector256.Create((byte)0xF)) | (block._high.Row(row).AsUInt16() << 4).AsByte();
                Lanes.WriteScaled(levels.AsSByte() - Vector256.Create((sbyte)Bound), d * block._scales[2 * row], d * block._scales[(2 * row) + 1], ref values.Slice(row * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q6_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                Encode(row[range], importances.IsEmpty ? [] : importances[range], ref blocks[index]);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q6_K> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                EncodeLanes(row[range], importances.IsEmpty ? [] : importances[range], ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, ref Q6_K block)
        {
            Span<float> scales = stackalloc float[SubBlocks];
            Span<byte> levels = stackalloc byte[Length];
            for (int index = 0; index < SubBlocks; index++)
            {
                Range range = (index * SubBlock)..((index + 1) * SubBlock);
                scales[index] = ScaleSearch.Symmetric(numbers[range], importances.IsEmpty ? [] : importances[range], Bound, levels[range]);
            }
            if (block.SetScales(scales))
            {
                block.Requantize(numbers, levels);
                block.Pack(levels);
            }
        }

        [SkipLocalsInit]
        private static void EncodeLanes(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, ref Q6_K block)
        {
            if (Lanes.LargestMagnitude(numbers) >= Lanes.InfinityBits)
            {
                Encode(numbers, importances, ref block);
                return;
            }
            Span<float> scales = stackalloc float[SubBlocks];
            Span<float> inverses = stackalloc float[SubBlocks];
            Span<byte> levels = stackalloc byte[Length];
            Span<Vector256<float>> transposed = stackalloc Vector256<float>[SubBlock];
            Span<Vector256<float>> weights = stackalloc Vector256<float>[importances.IsEmpty ? 0 : SubBlock];
            for (int first = 0; first < SubBlocks; first += Lanes.Count)
            {
                Range half = (first * SubBlock)..((first + Lanes.Count) * SubBlock);
                Lanes.Transpose(numbers[half], transposed);
                if (!importances.IsEmpty)
                {
                    Lanes.Transpose(importances[half], weights);
                }
                (Vector256<float> scale, Vector256<float> inverse) = SymmetricLanes.Run(transposed, weights, Bound);
                scale.CopyTo(scales[first..]);
                inverse.CopyTo(inverses[first..]);
            }
            if (!block.SetScales(scales))
            {
                return;
            }
            Span<float> minimums = stackalloc float[SubBlocks];
            minimums.Clear();
            float d = block._d.Value;
            for (int index = 0; index < SubBlocks; index++)
            {
                scales[index] = d * block._scales[index];
            }
            LevelLanes lanes = new(SubBlock, -Bound, Bound - 1);
            if (scales.Contains(0))
            {
                lanes.Scale(numbers, inverses, minimums, levels);
            }
            lanes.Divide(numbers, scales, minimums, levels);
            block.PackLanes(levels);
        }

        // Nearest multiples of −1/128 of the scale farthest from zero; false for a block of zeros.
        private bool SetScales(ReadOnlySpan<float> scales)
        {
            float farthest = Spread.Farthest(scales);
            if (Math.Abs(farthest) < ScaleSearch.Negligible)
            {
                this = default;
                return false;
            }
            float inverse = -128f / farthest;
            _d = Scale.Of(1 / inverse);
            for (int index = 0; index < SubBlocks; index++)
            {
                _scales[index] = unchecked((sbyte)Math.Min(127, Rounding.Nearest(inverse * scales[index])));
            }
            return true;
        }

        // The levels for the rounded scales, but for those of a scale of zero.
        private readonly void Requantize(ReadOnlySpan<float> numbers, Span<byte> levels)
        {
            for (int index = 0; index < SubBlocks; index++)
            {
                float d = _d.Value * _scales[index];
                for (int number = index * SubBlock; d != 0 && number < (index + 1) * SubBlock; number++)
                {
                    levels[number] = (byte)(Math.Max(-Bound, Math.Min(Bound - 1, Rounding.Nearest(numbers[number] / d))) + Bound);
                }
            }
        }

        private void Pack(Span<byte> levels)
        {
            for (int index = 0; index < 128; index++)
            {
                int low = index + (index / 64 * 64);
                _low[index] = (byte)((levels[low] & 0xF) | ((levels[low + 64] & 0xF) << 4));
            }
            foreach (ref byte level in levels)
            {
                level >>= 4;
            }
            _high.Pack(levels);
        }

        private void PackLanes(Span<byte> levels)
        {
            Span<byte> low = _low;
            Vector256<byte> nibble = Vector256.Create((byte)0xF);
            for (int index = 0; index < 128; index += 32)
            {
                ReadOnlySpan<byte> rows = levels.Slice(index + (index / 64 * 64), 96);
                Vector256<byte> upper = Vector256.Create(rows.Slice(64, 32)) & nibble;
                ((Vector256.Create(rows[..32]) & nibble) | (upper.AsUInt16() << 4).AsByte()).CopyTo(low.Slice(index, 32));
            }
            for (int index = 0; index < Length; index += 32)
            {
                Span<byte> row = levels.Slice(index, 32);
                ((Vector256.Create<byte>(row).AsUInt16() >>> 4).AsByte() & nibble).CopyTo(row);
            }
            _high.PackLanes(levels);
        }

        [InlineArray(128)]
        private struct Low
        {
            private byte _first;
        }

        [InlineArray(SubBlocks)]
        private struct Scales
        {
            private sbyte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 6-bit super-blocks: 256 numbers in 210 bytes, each 16 with a scale.</summary>
        public static DType Q6_K { get; } = Register(new QuantizedType<Q6_K>());
    }
}
