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
    internal readonly struct F16(ushort value) : IBlock<F16>
    {
        /// <summary>Shared with <see cref="C32"/>.</summary>
        public static readonly SmallFloat Layout = new(exponentBits: 5, fractionBits: 10, bias: 15, Extremes.InfinityAndNaN);

        private readonly ushort _value = value;

        public static string Name => "F16";

        public static DTypeKind Kind => DTypeKind.Float;

        public static void Decode(in F16 block, Span<double> values) => values[0] = Layout.Decode(block._value);

        public static F16 Encode(ReadOnlySpan<double> values) => new((ushort)Layout.Encode(values[0]));
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
