using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 144 bytes: 4-bit integers in sub-blocks of 32 with a scale and a minimum of 6 bits each, 4.5 bits each.
    /// <code>
    /// byte  0 1        2 3            4 … 15                           16 … 47                48 … 79     …     112 … 143
    ///       d (F16)    dMin (F16)     8 scales, 8 minimums (U6)        low: q₀ … q₃₁          q₆₄ …             q₁₉₂ … q₂₂₃ (U4)
    ///                                                                  high: q₃₂ … q₆₃        q₉₆ …             q₂₂₄ … q₂₅₅
    ///
    /// x = d · scale · q − dMin · minimum
    /// </code>
    /// Source: ggml, <c>block_q4_K</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q4_K : IQuantizedBlock<Q4_K>
    {
        private static readonly AffineSearch s_search = new(15, -1, 0.1f, 20);

        private Scale _d;
        private Scale _dMin;
        private SixBitScales _scales;
        private NibbleRows _q;

        public static string Name => "Q4_K";

        public static int Length => AffineSuperBlock.Length;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q4_K block, Span<float> values)
        {
            for (int subBlock = 0; subBlock < AffineSuperBlock.SubBlocks; subBlock++)
            {
                (int scale, int minimum) = block._scales.Of(subBlock);
                float d = block._d.Value * scale;
                float m = block._dMin.Value * minimum;
                for (int index = subBlock * AffineSuperBlock.SubBlock; index < (subBlock + 1) * AffineSuperBlock.SubBlock; index++)
                {
                    values[index] = (d * block._q.Number(index)) - m;
                }
            }
        }

        public static void DecodeLanes(in Q4_K block, Span<float> values)
        {
            (float d, float dMin) = (block._d.Value, block._dMin.Value);
            for (int row = 0; row < AffineSuperBlock.SubBlocks; row++)
            {
                (int scale, int minimum) = block._scales.Of(row);
                Lanes.WriteAffine(block._q.Row(row), d * scale, -(dMin * minimum), d * scale, -(dMin * minimum), ref values.Slice(row * 32, 32)[0]);
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_K> blocks)
        {
            Span<byte> levels = stackalloc byte[Length];
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                AffineSuperBlock block = AffineSuperBlock.Encode(row[range], importances.IsEmpty ? [] : importances[range], s_search, levels);
                (blocks[index]._d, blocks[index]._dMin, blocks[index]._scales) = (block.D, block.DMin, block.Scales);
                blocks[index]._q.Pack(levels);
            }
        }

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_K> blocks)
        {
            Span<byte> levels = stackalloc byte[Length];
            for (int index = 0; index < blocks.Length; index++)
            {
                Range range = (index * Length)..((index + 1) * Length);
                AffineSuperBlock block = AffineSuperBlock.EncodeLanes(row[range], importances.IsEmpty ? [] : importances[range], s_search, levels);
                (blocks[index]._d, blocks[index]._dMin, blocks[index]._scales) = (block.D, block.DMin, block.Scales);
                blocks[index]._q.PackLanes(levels);
            }
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 4-bit super-blocks: 256 numbers in 144 bytes, each 32 with a scale and a minimum.</summary>
        public static DType Q4_K { get; } = Register(new QuantizedType<Q4_K>());
    }
}
