using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 20 bytes: a scale, a minimum and 4-bit integers, 5 bits each.
    /// <code>
    /// byte  0 1        2 3        4 … 19
    ///       d (F16)    m (F16)    q₀ … q₃₁ (U4)          x = d · q + m
    /// </code>
    /// m is the least number, m + 15 · d the greatest; with importances both are searched. Source: ggml, <c>block_q4_1</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q4_1 : IQuantizedBlock<Q4_1>
    {
        private AffineBlock<Nibbles> _block;

        public static string Name => "Q4_1";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q4_1 block, Span<float> values) => AffineBlock<Nibbles>.Decode(in block._block, values);

        public static void DecodeLanes(in Q4_1 block, Span<float> values) => AffineBlock<Nibbles>.DecodeLanes(in block._block, values);

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_1> blocks) =>
            AffineBlock<Nibbles>.EncodeRow(row, importances, MemoryMarshal.Cast<Q4_1, AffineBlock<Nibbles>>(blocks));

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_1> blocks) =>
            AffineBlock<Nibbles>.EncodeLanes(row, importances, MemoryMarshal.Cast<Q4_1, AffineBlock<Nibbles>>(blocks));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 4-bit blocks above a minimum: 32 numbers, their scale and minimum in 20 bytes.</summary>
        public static DType Q4_1 { get; } = Register(new QuantizedType<Q4_1>());
    }
}
