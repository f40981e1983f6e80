using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Unsigned integer of 16 bits, little-endian: 0 to 2¹⁶ − 1.</summary>
    internal readonly struct U16(ushort value) : IBlock<U16>
    {
        private readonly ushort _value = value;

        public static string Name => "U16";

        public static DTypeKind Kind => DTypeKind.Unsigned;

        public static void Decode(in U16 block, Span<double> values) => values[0] = block._value;

        public static U16 Encode(ReadOnlySpan<double> values) => new(ushort.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Unsigned integer of 16 bits.</summary>
        public static DType U16 { get; } = Register(new BlockType<U16>());
    }
}
