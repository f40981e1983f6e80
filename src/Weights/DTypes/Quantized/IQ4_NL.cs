using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 18 bytes, 4.5 bits each: a scale and levels that lie closer to each other about zero.
    /// <code>
    /// byte  0 1        2 + i: bit 7 … 4   3 … 0     i = 0 … 15
    ///       d (F16)             qᵢ₊₁₆      qᵢ       x = d · level(q)
    /// </code>
    /// The levels are <see cref="UnevenLevels.Values"/>. Source: ggml, <c>block_iq4_nl</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct IQ4_NL : IQuantizedBlock<IQ4_NL>
    {
        private Scale _d;
        private Quants _q;

        public static string Name => "IQ4_NL";

        public static int Length => UnevenLevels.GroupLength;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in IQ4_NL block, Span<float> values) => UnevenLevels.Decode(block._q, block._d.Value, values);

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<IQ4_NL> blocks)
        {
            Span<float> weights = stackalloc float[Length];
            for (int index = 0; index < blocks.Length; index++)
            {
                ReadOnlySpan<float> numbers = row.Slice(index * Length, Length);
                float variance = ErrorWeights.SumOfSquares(numbers) * (2f / Length);
                UnevenLevels.Weigh(numbers, importances.IsEmpty ? default : importances.Slice(index * Length, Length), variance, weights);
                float scale = UnevenLevels.FindScale(numbers, weights);
                blocks[index]._d = Scale.Of(scale);
                UnevenLevels.Quantize(numbers, scale != 0 ? 1 / scale : 0, blocks[index]._q);
            }
        }

        [InlineArray(16)]
        private struct Quants
        {
            private byte _first;
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 4-bit blocks of uneven levels: 32 numbers and their scale in 18 bytes.</summary>
        public static DType IQ4_NL { get; } = Register(new QuantizedType<IQ4_NL>());
    }
}
