using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 24 bytes: a scale, a minimum and 5-bit integers, 6 bits each.
    /// <code>
    /// byte  0 1        2 3        4 … 7                          8 … 23
    ///       d (F16)    m (F16)    fifth bits of q₀ … q₃₁         lower four of q₀ … q₃₁ (U4)          x = d · q + m
    /// </code>
    /// m is the least number, m + 31 · d the greatest; with importances both are searched. Source: ggml, <c>block_q5_1</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q5_1 : IQuantizedBlock<Q5_1>
    {
        private AffineBlock<FiveBits> _block;

        public static string Name => "Q5_1";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void Decode(in Q5_1 block, Span<float> values) => AffineBlock<FiveBits>.Decode(in block._block, values);

        public static void DecodeLanes(in Q5_1 block, Span<float> values) => AffineBlock<FiveBits>.DecodeLanes(in block._block, values);

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_1> blocks) =>
            AffineBlock<FiveBits>.EncodeRow(row, importances, MemoryMarshal.Cast<Q5_1, AffineBlock<FiveBits>>(blocks));

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_1> blocks) =>
            AffineBlock<FiveBits>.EncodeLanes(row, importances, MemoryMarshal.Cast<Q5_1, AffineBlock<FiveBits>>(blocks));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 5-bit blocks above a minimum: 32 numbers, their scale and minimum in 24 bytes.</summary>
        public static DType Q5_1 { get; } = Register(new QuantizedType<Q5_1>());
    }
}
