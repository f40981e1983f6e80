using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Unsigned integer of 8 bits, one byte: 0 to 2⁸ − 1.</summary>
    internal readonly struct U8(byte value) : IBlock<U8>
    {
        private readonly byte _value = value;

        public static string Name => "U8";

        public static DTypeKind Kind => DTypeKind.Unsigned;

        public static void Decode(in U8 block, Span<double> values) => values[0] = block._value;

        public static U8 Encode(ReadOnlySpan<double> values) => new(byte.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Unsigned integer of 8 bits.</summary>
        public static DType U8 { get; } = Register(new BlockType<U8>());
    }
}
