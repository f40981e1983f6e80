using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Two's complement integer of 64 bits, little-endian: −2⁶³ to 2⁶³ − 1.</summary>
    /// <remarks>As doubles, numbers beyond 2⁵³ are rounded; <see cref="Conversion"/> goes around that.</remarks>
    internal readonly struct I64(long value) : IBlock<I64>
    {
        private readonly long _value = value;

        public static string Name => "I64";

        public static DTypeKind Kind => DTypeKind.Signed;

        public static void Decode(in I64 block, Span<double> values) => values[0] = block._value;

        public static I64 Encode(ReadOnlySpan<double> values) => new(long.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Signed integer of 64 bits.</summary>
        public static DType I64 { get; } = Register(new BlockType<I64>());
    }
}
