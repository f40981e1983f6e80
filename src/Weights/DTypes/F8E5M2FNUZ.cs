using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// 8-bit float E5M2 "fnuz": finite, one NaN, unsigned zero.
    /// <code>
    /// bit  7   6 … 2      1 0
    ///      s   exponent   fraction      bias 16
    /// </code>
    /// Largest 57344, smallest 2⁻¹⁷; 0x80 is NaN. Source: Noune et al., "8-bit Numerical Formats for Deep Neural Networks", arXiv:2206.02915.
    /// </summary>
    /// <remarks>What rounds beyond 57344 becomes NaN and −0 becomes 0, as when PyTorch casts to <c>float8_e5m2fnuz</c>.</remarks>
    internal readonly struct F8E5M2FNUZ(byte value) : IBlock<F8E5M2FNUZ>, IFloatLayout
    {
        private readonly byte _value = value;

        public static string Name => "F8_E5M2FNUZ";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 5;

        public static int FractionBits => 2;

        public static int Bias => 16;

        public static Extremes Extremes => Extremes.NegativeZeroNaN;

        public static void Decode(in F8E5M2FNUZ block, Span<double> values) => values[0] = SmallFloat<F8E5M2FNUZ>.Decode(block._value);

        public static F8E5M2FNUZ Encode(ReadOnlySpan<double> values) => new((byte)SmallFloat<F8E5M2FNUZ>.Encode(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>8-bit float with 5 bits of exponent, one NaN, neither infinities nor negative zero.</summary>
        public static DType F8E5M2FNUZ { get; } = Register(new BlockType<F8E5M2FNUZ>());
    }
}
