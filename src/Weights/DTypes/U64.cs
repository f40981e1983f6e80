using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Unsigned integer of 64 bits, little-endian: 0 to 2⁶⁴ − 1.</summary>
    /// <remarks>As doubles, numbers beyond 2⁵³ are rounded; <see cref="Conversion"/> goes around that.</remarks>
    internal readonly struct U64(ulong value) : IBlock<U64>
    {
        private readonly ulong _value = value;

        public static string Name => "U64";

        public static DTypeKind Kind => DTypeKind.Unsigned;

        public static void Decode(in U64 block, Span<double> values) => values[0] = block._value;

        public static U64 Encode(ReadOnlySpan<double> values) => new(ulong.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Unsigned integer of 64 bits.</summary>
        public static DType U64 { get; } = Register(new BlockType<U64>());
    }
}
