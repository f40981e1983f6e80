using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// 8-bit float E5M2: the upper half of an IEEE 754 binary16, with its infinities and NaNs.
    /// <code>
    /// bit  7   6 … 2      1 0
    ///      s   exponent   fraction      bias 15
    /// </code>
    /// Largest 57344, smallest 2⁻¹⁶; 0x7C is infinity, 0x7D–0x7F are NaN. Source: OCP 8-bit Floating Point Specification (OFP8) 1.0.
    /// </summary>
    /// <remarks>PyTorch encodes every NaN as 0x7F; here the upper bits of its payload are kept (0x7E for the usual one).</remarks>
    internal readonly struct F8E5M2(byte value) : IBlock<F8E5M2>, IFloatLayout
    {
        private readonly byte _value = value;

        public static string Name => "F8_E5M2";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 5;

        public static int FractionBits => 2;

        public static int Bias => 15;

        public static Extremes Extremes => Extremes.InfinityAndNaN;

        public static void Decode(in F8E5M2 block, Span<double> values) => values[0] = SmallFloat<F8E5M2>.Decode(block._value);

        public static F8E5M2 Encode(ReadOnlySpan<double> values) => new((byte)SmallFloat<F8E5M2>.Encode(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>8-bit float with 5 bits of exponent, infinities and NaNs.</summary>
        public static DType F8E5M2 { get; } = Register(new BlockType<F8E5M2>());
    }
}
