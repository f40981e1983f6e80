using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 256 numbers in 56 bytes, 1.75 bits each: 32 points of a code book, for each whether its numbers are moved down or up, a level of the scale for each
    /// group of 16, and the scale in what these leave of their words.
    /// <code>
    /// byte  i                32 + g: bit 7      6 … 4           3       2 … 0       48 + 2k, 49 + 2k: bit 15 … 12            11 … 9    8 … 6    5 … 3    2 … 0
    ///       pᵢ bits 7 … 0           down₂g₊₁    p₂g₊₁ 10 … 8    down₂g  p₂g 10 … 8                    d (F16) 4k + 3 … 4k    l₄ₖ₊₃     l₄ₖ₊₂    l₄ₖ₊₁    l₄ₖ
    /// i = 0 … 31, g = 0 … 15, k = 0 … 3     x = d · (2 · l + 1) · (point ± 1/8)
    /// </code>
    /// Points are of 2048, with -1, 0 or 1 for each of their eight numbers. Source: ggml, <c>block_iq1_m</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ1_M : IQuantizedBlock<IQ1_M>
    {
        private const int GroupLength = 16;
        private const int Groups = 16;

        private Bytes32 _low;
        private Bytes16 _high;
        private Words _scales;

        public static string Name => "IQ1_M";

        public static int Length => 256;

        public static Importances Importances => Importances.Optional;

        private Scale D
        {
            readonly get => Unsafe.BitCast<ushort, Scale>((ushort)(_scales[0] >> 12 | _scales[1] >> 12 << 4 | _scales[2] >> 12 << 8 | _scales[3] >> 12 << 12));

            set
            {
                for (int word = 0; word < 4; word++)
                {
                    _scales[word] = (ushort)(_scales[word] & 0x0FFF | (Unsafe.BitCast<Scale, ushort>(value) >> (4 * word) & 15) << 12);
                }
            }
        }

        public static void Decode(in IQ1_M block, Span<float> values)
        {
            float d = block.D.Value;
            for (int index = 0; index < 32; index++)
            {
                int group = index / 2;
                float scale = d * (2 * ((block._scales[group / 4] >> (3 * (group % 4))) & 7) + 1);
                int high = block._high[group] >> (4 * (index % 2));
                ulong levels = CodeGrid.IQ1[block._low[index] | (high & 7) << 8];
                CodeGrid.DecodeShifted(levels, (high & 8) != 0 ? -0.125f : 0.125f, scale, values.Slice(8 * index, 8));
            }
        }

        public static void DecodeLanes(in IQ1_M block, Span<float> values)
        {
            float d = block.D.Value;
            ref ulong grid = ref CodeGrid.First(CodeGrid.IQ1);
            ref float target = ref values[..Length][0];
            Vector256<ulong> down = Vector256.Create(8ul, 0x80, 0x800, 0x8000);
            for (int pair = 0; pair < Groups / 2; pair++)
            {
                uint low = Unsafe.ReadUnaligned<uint>(in block._low[4 * pair]);
                uint high = Unsafe.ReadUnaligned<ushort>(in block._high[2 * pair]);
                Vector256<ulong> levels = Vector256.Create(
                    CodeGrid.Point(ref grid, (low & 0xFF) | ((high & 7) << 8)), CodeGrid.Point(ref grid, ((low >> 8) & 0xFF) | ((high & 0x70) << 4)),
                    CodeGrid.Point(ref grid, ((low >> 16) & 0xFF) | (high & 0x700)), CodeGrid.Point(ref grid, (low >> 24) | ((high & 0x7000) >> 4)));
                Vector256<sbyte> shifts = Vector256.Equals(Vector256.Create((ulong)high) & down, down).AsSByte() | Vector256<sbyte>.One;
                int scales = block._scales[pair / 2] >> (6 * (pair % 2));
                CodeGrid.WriteShifted(levels, shifts, d * ((2 * (scales & 7)) + 1), d * ((2 * ((scales >> 3) & 7)) + 1), ref Unsafe.Add(ref target, 32 * pair));
            }
        }

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ1_M> blocks)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> weights = importances.IsEmpty ? default : importances.Slice(index * Length, Length);
                Encode(row.Slice(index * Length, Length), weights, ref blocks[index]);
            }
        }

        private static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, ref IQ1_M block)
        {
            block = default;
            Span<float> weights = stackalloc float[Length];
            Span<ushort> codes = stackalloc ushort[32];
            Span<float> scales = stackalloc float[Groups];
            Span<bool> up = stackalloc bool[32];
            codes.Clear();
            up.Fill(true);
            float largestScale = 0;
            if (importances.IsEmpty)
            {
                ErrorWeights.WeighBySquare(values, 0, weights);
            }
            else
            {
                ErrorWeights.Weigh(values, importances, 2 * ErrorWeights.SumOfSquares(values) / Length, weights);
            }
            for (int group = 0; group < Groups; group++)
            {
                ReadOnlySpan<float> numbers = values.Slice(GroupLength * group, GroupLength);
                ReadOnlySpan<float> groupWeights = weights.Slice(GroupLength * group, GroupLength);
                Span<ushort> points = codes.Slice(2 * group, 2);
                Span<bool> moved = up.Slice(2 * group, 2);
                scales[group] = 0;
                if (TernarySearch.LargestOf(numbers) >= 1e-7f && TernarySearch.Fit(numbers, groupWeights, points, moved, out float scale))
                {
                    scales[group] = TernarySearch.ToPoints(numbers, groupWeights, moved, scale, points);
                    largestScale = largestScale > scales[group] ? largestScale : scales[group];
                    int first = CodeBook.IQ1.IndexOf(points[0]);
                    int second = CodeBook.IQ1.IndexOf(points[1]);
                    block._low[2 * group] = unchecked((byte)first);
                    block._low[2 * group + 1] = unchecked((byte)second);
                    block._high[group] = (byte)(first >> 8 | second >> 8 << 4);
                }
            }
            if (largestScale != 0)
            {
                SetScales(values, weights, codes, up, scales, largestScale / 15, ref block);
            }
        }

        // The levels of the scales, and the scale that is best with them.
        private static void SetScales(
            ReadOnlySpan<float> values, ReadOnlySpan<float> weights, ReadOnlySpan<ushort> codes, ReadOnlySpan<bool> up, ReadOnlySpan<float> scales, float d, ref IQ1_M block)
        {
            float inverse = 1 / d;
            float products = 0;
            float squares = 0;
            for (int group = 0; group < Groups; group++)
            {
                int level = TernarySearch.ScaleLevel(inverse, scales[group]);
                block._scales[group / 4] |= (ushort)(level << (3 * (group % 4)));
                for (int point = 2 * group; point < 2 * group + 2; point++)
                {
                    TernarySearch.AddSums(
                        values.Slice(8 * point, 8), weights.Slice(8 * point, 8), up[point], 2 * level + 1, codes[point], ref products, ref squares);
                    block._high[group] |= (byte)(up[point] ? 0 : 8 << (4 * (point % 2)));
                }
            }
            block.D = Scale.Of((squares > 0 ? products / squares : d) * 1.1125f);
        }

        [InlineArray(32)]
        private struct Bytes32
        {
            private byte _first;
        }

        [InlineArray(16)]
        private struct Bytes16
        {
            private byte _first;
        }

        [InlineArray(4)]
        private struct Words
        {
            private ushort _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's larger ternary blocks of a code book: 256 numbers in 56 bytes.</summary>
        public static DType IQ1_M { get; } = Register(new QuantizedType<IQ1_M>());
    }
}
