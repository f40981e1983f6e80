using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// bfloat16: the upper half of an IEEE 754 binary32.
    /// <code>
    /// bit  15   14 … 7     6 … 0
    ///      s    exponent   fraction      bias 127
    /// </code>
    /// Largest 255 · 2¹²⁰ ≈ 3.39e38, smallest 2⁻¹³³. Source: Intel, "BFLOAT16 – Hardware Numerics Definition", 338302-001.
    /// </summary>
    internal readonly struct BF16(ushort value) : IBlock<BF16>, IFloatLayout
    {
        private readonly ushort _value = value;

        public static string Name => "BF16";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 8;

        public static int FractionBits => 7;

        public static int Bias => 127;

        public static Extremes Extremes => Extremes.InfinityAndNaN;

        public static void Decode(in BF16 block, Span<double> values) => values[0] = F32.Widen(BitConverter.UInt32BitsToSingle((uint)block._value << 16));

        public static BF16 Encode(ReadOnlySpan<double> values) => new((ushort)SmallFloat<BF16>.Encode(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>bfloat16: the upper half of an IEEE 754 binary32.</summary>
        public static DType BF16 { get; } = Register(new BlockType<BF16>());
    }
}
