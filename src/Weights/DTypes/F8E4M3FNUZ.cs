using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// 8-bit float E4M3 "fnuz": finite, one NaN, unsigned zero.
    /// <code>
    /// bit  7   6 … 3      2 … 0
    ///      s   exponent   fraction      bias 8
    /// </code>
    /// Largest 240, smallest 2⁻¹⁰; 0x80 is NaN. Source: Noune et al., "8-bit Numerical Formats for Deep Neural Networks", arXiv:2206.02915.
    /// </summary>
    /// <remarks>What rounds beyond 240 becomes NaN and −0 becomes 0, as when PyTorch casts to <c>float8_e4m3fnuz</c>.</remarks>
    internal readonly struct F8E4M3FNUZ(byte value) : IBlock<F8E4M3FNUZ>, IFloatLayout
    {
        private readonly byte _value = value;

        public static string Name => "F8_E4M3FNUZ";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 4;

        public static int FractionBits => 3;

        public static int Bias => 8;

        public static Extremes Extremes => Extremes.NegativeZeroNaN;

        public static void Decode(in F8E4M3FNUZ block, Span<double> values) => values[0] = SmallFloat<F8E4M3FNUZ>.Decode(block._value);

        public static F8E4M3FNUZ Encode(ReadOnlySpan<double> values) => new((byte)SmallFloat<F8E4M3FNUZ>.Encode(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>8-bit float with 4 bits of exponent, one NaN, neither infinities nor negative zero.</summary>
        public static DType F8E4M3FNUZ { get; } = Register(new BlockType<F8E4M3FNUZ>());
    }
}
