using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.DTypes.Quantized
{
    /// <summary>
    /// 32 numbers in 18 bytes: a scale and 4-bit integers, 4.5 bits each.
    /// <code>
    /// byte  0 1        2 … 17
    ///       d (F16)    q₀ … q₃₁ (U4)          x = d · (q − 8)
    /// </code>
    /// −8 · d is the number farthest from zero; with importances d is searched. Source: ggml, <c>block_q4_0</c>.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Q4_0 : IQuantizedBlock<Q4_0>, IScaledBlock<Q4_0>
    {
        private SymmetricBlock<Nibbles> _block;

        public static string Name => "Q4_0";

        public static int Length => 32;

        public static Importances Importances => Importances.Optional;

        public static void ReadScales(in Q4_0 block, Span<float> scales) => scales[0] = SymmetricBlock<Nibbles>.ScaleOf(in block._block);

        public static Q4_0 Of(ReadOnlySpan<float> scales, ReadOnlySpan<float> numbers) => new() { _block = SymmetricBlock<Nibbles>.Of(scales[0], numbers) };

        public static void Decode(in Q4_0 block, Span<float> values) => SymmetricBlock<Nibbles>.Decode(in block._block, values);

        public static void DecodeLanes(in Q4_0 block, Span<float> values) => SymmetricBlock<Nibbles>.DecodeLanes(in block._block, values);

        public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_0> blocks) =>
            SymmetricBlock<Nibbles>.EncodeRow(row, importances, MemoryMarshal.Cast<Q4_0, SymmetricBlock<Nibbles>>(blocks));

        public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<Q4_0> blocks) =>
            SymmetricBlock<Nibbles>.EncodeLanes(row, importances, MemoryMarshal.Cast<Q4_0, SymmetricBlock<Nibbles>>(blocks));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>ggml's 4-bit blocks around zero: 32 numbers and their scale in 18 bytes.</summary>
        public static DType Q4_0 { get; } = Register(new QuantizedType<Q4_0>());
    }
}
