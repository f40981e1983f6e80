using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 22 bytes: a scale and 5-bit integers, 5.5 bits each.
    /// <code>
    /// byte  0 1        2 … 5                          6 … 21
    ///       d (F16)    fifth bits of q₀ … q₃₁         lower four of q₀ … q₃₁ (U4)          x = d · (q − 16)
    /// </code>
    /// −16 · d is the number farthest from zero; with importances d is searched. Source: ggml, <c>block_q5_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q5_0 : IQuantizedBlock<Q5_0>, IScaledBlock<Q5_0>
    {
        private SymmetricBlock<FiveBits> _block;

        public static string Name => "Q5_0";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void ReadScales(in Q5_0 block, Span<float> scales) => scales[0] = SymmetricBlock<FiveBits>.ScaleOf(in block._block);

        public static Q5_0 Of(ReadOnlySpan<float> scales, ReadOnlySpan<float> numbers) => new() { _block = SymmetricBlock<FiveBits>.Of(scales[0], numbers) };

        public static void Decode(in Q5_0 block, Span<float> values) => SymmetricBlock<FiveBits>.Decode(in block._block, values);

        public static void DecodeLanes(in Q5_0 block, Span<float> values) => SymmetricBlock<FiveBits>.DecodeLanes(in block._block, values);

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_0> blocks) =>
            SymmetricBlock<FiveBits>.EncodeRow(row, importances, MemoryMarshal.Cast<Q5_0, SymmetricBlock<FiveBits>>(blocks));

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q5_0> blocks) =>
            SymmetricBlock<FiveBits>.EncodeLanes(row, importances, MemoryMarshal.Cast<Q5_0, SymmetricBlock<FiveBits>>(blocks));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 5-bit blocks around zero: 32 numbers and their scale in 22 bytes.</summary>
        public static DType Q5_0 { get; } = Register(new QuantizedType<Q5_0>());
    }
}
