using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// 8-bit float E4M3 ("fn": finite and NaN).
    /// <code>
    /// bit  7   6 … 3      2 … 0
    ///      s   exponent   fraction      bias 7
    /// </code>
    /// Largest 448, smallest 2⁻⁹; 0x7F and 0xFF are NaN, nothing is infinite. Source: OCP 8-bit Floating Point Specification (OFP8) 1.0.
    /// </summary>
    /// <remarks>What rounds beyond 448 becomes NaN, as when PyTorch casts to <c>float8_e4m3fn</c>: 464 is still 448, 465 is NaN.</remarks>
    internal readonly struct F8E4M3(byte value) : IBlock<F8E4M3>, IFloatLayout
    {
        private readonly byte _value = value;

        public static string Name => "F8_E4M3";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 4;

        public static int FractionBits => 3;

        public static int Bias => 7;

        public static Extremes Extremes => Extremes.AllOnesNaN;

        public static void Decode(in F8E4M3 block, Span<double> values) => values[0] = SmallFloat<F8E4M3>.Decode(block._value);

        public static F8E4M3 Encode(ReadOnlySpan<double> values) => new((byte)SmallFloat<F8E4M3>.Encode(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>8-bit float with 4 bits of exponent, NaNs but no infinities.</summary>
        public static DType F8E4M3 { get; } = Register(new BlockType<F8E4M3>());
    }
}
