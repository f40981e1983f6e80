using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// IEEE 754 binary16 (half precision).
    /// <code>
    /// bit  15   14 … 10    9 … 0
    ///      s    exponent   fraction      bias 15
    /// </code>
    /// Largest 65504, smallest 2⁻²⁴. Source: IEEE 754-2019, 3.6.
    /// </summary>
    internal readonly struct F16(ushort value) : IBlock<F16>, IFloatLayout
    {
        private readonly ushort _value = value;

        public static string Name => "F16";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 5;

        public static int FractionBits => 10;

        public static int Bias => 15;

        public static Extremes Extremes => Extremes.InfinityAndNaN;

        public static void Decode(in F16 block, Span<double> values) => values[0] = SmallFloat<F16>.Decode(block._value);

        public static F16 Encode(ReadOnlySpan<double> values) => new((ushort)SmallFloat<F16>.Encode(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>IEEE 754 binary16.</summary>
        public static DType F16 { get; } = Register(new BlockType<F16>());
    }
}
