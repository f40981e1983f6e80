using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 176 bytes: 5-bit integers in sub-blocks of 32 with a scale and a minimum of 6 bits each, 5.5 bits each.
    /// <code>
    /// byte  0 1        2 3            4 … 15                           16 … 47                      48 … 175
    ///       d (F16)    dMin (F16)     8 scales, 8 minimums (U6)        fifth bits of q₀ … q₂₅₅      lower four of q₀ … q₂₅₅ as in Q4_K
    ///
    /// x = d · scale · q − dMin · minimum
    /// </code>
    /// Bit i of byte 16 + j is that of number 32 · i + j. Source: ggml, <c>block_q5_K</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q5_K : IQuantizedBlock<Q5_K>
    {
        private static readonly AffineSearch s_search = new(31, -0.5f, 0.1f, 15);

        private Scale _d;
        private Scale _dMin;
        private SixBitScales _scales;
        private BitRows _high;
        private NibbleRows _low;

        public static string Name => "Q5_K";

        public static int Length => AffineSuperBlock.Length;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q5_K block, Span<float> values)
        {
            for (int subBlock = 0; subBlock < AffineSuperBlock.SubBlocks; subBlock++)
            {
                (int scale, int minimum) = block._scales.Of(subBlock);
                float d = block._d.Value * scale;
                float m = block._dMin.Value * minimum;
                for (int index = subBlock * AffineSuperBlock.SubBlock; index < (subBlock + 1) * AffineSuperBlock.SubBlock; index++)
                {
                    values[index] = (d * (block._low.Number(index) + (block._high.Number(index) * 16))) - m;
                }
            }
        }

        public static void DecodeLanes(in Q5_K block, Span<float> values)
        {
            (float d, float dMin) = (block._d.Value, block._dMin.Value);
            for (int row = 0; row < AffineSuperBlock.SubBlocks; row++)
            {
                (int scale, int minimum) = block._scales.Of(row);
                Vector256<byte> levels = block._low.Row(row) | (block._high.Row(row).AsUInt16() << 4).AsByte();
                Lanes.WriteAffine(levels, d * scale, -(dMin * minimum), d * scale, -(dMin * minimum), ref values.Slice(row * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_K> blocks)
        {
            Span<byte> levels = stackalloc byte[Length];
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                AffineSuperBlock block = AffineSuperBlock.Encode(row[range], importances.IsEmpty ? [] : importances[range], s_search, levels);
                (blocks[index]._d, blocks[index]._dMin, blocks[index]._scales) = (block.D, block.DMin, block.Scales);
                blocks[index]._high.Pack(levels, 4);
                blocks[index]._low.Pack(levels);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_K> blocks)
        {
            Span<byte> levels = stackalloc byte[Length];
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                AffineSuperBlock block = AffineSuperBlock.EncodeLanes(row[range], importances.IsEmpty ? [] : importances[range], s_search, levels);
                (blocks[index]._d, blocks[index]._dMin, blocks[index]._scales) = (block.D, block.DMin, block.Scales);
                blocks[index]._high.PackLanes(levels, 4);
                blocks[index]._low.PackLanes(levels);
            }
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 5-bit super-blocks: 256 numbers in 176 bytes, each 32 with a scale and a minimum.</summary>
        public static DType Q5_K { get; } = Register(new QuantizedType<Q5_K>());
    }
}
