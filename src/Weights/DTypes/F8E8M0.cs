using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// 8-bit power of two, the block scale of the OCP microscaling formats.
    /// <code>
    /// bit  7 … 0
    ///      exponent      2^(exponent − 127)
    /// </code>
    /// 2⁻¹²⁷ to 2¹²⁷; 0xFF is NaN; neither zero, sign nor infinity. Source: OCP Microscaling Formats (MX) 1.0, 5.4.1.
    /// </summary>
    /// <remarks>
    /// The nearest power of two; halfway (1.5 · 2ⁿ) the greater one, the sign is lost and what rounds beyond 2¹²⁷ is NaN, as
    /// when PyTorch casts to <c>float8_e8m0fnu</c>. Below 2⁻¹²⁷, zero included, the smallest.
    /// </remarks>
    internal readonly struct F8E8M0(byte value) : IBlock<F8E8M0>
    {
        private const int Bias = 127;
        private const byte NotANumber = 0xFF;

        private readonly byte _value = value;

        public static string Name => "F8_E8M0";

        public static DTypeKind Kind => DTypeKind.Float;

        public static void Decode(in F8E8M0 block, Span<double> values) =>
            values[0] = block._value == NotANumber ? BitConverter.UInt64BitsToDouble(0x7FF8UL << 48) : BitConverter.UInt64BitsToDouble((ulong)(block._value - Bias + 1023) << 52);

        public static F8E8M0 Encode(ReadOnlySpan<double> values)
        {
            // Half of the significand added to it carries into the exponent from 1.5 on.
            ulong magnitude = BitConverter.DoubleToUInt64Bits(values[0]) & ~(1UL << 63);
            int exponent = (int)((magnitude + (1UL << 51)) >> 52) - 1023 + Bias;
            return new(exponent >= NotANumber ? NotANumber : (byte)Math.Max(exponent, 0));
        }
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>8-bit power of two from 2⁻¹²⁷ to 2¹²⁷, the scale of a block.</summary>
        public static DType F8E8M0 { get; } = Register(new BlockType<F8E8M0>());
    }
}
