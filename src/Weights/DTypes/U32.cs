using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Unsigned integer of 32 bits, little-endian: 0 to 2³² − 1.</summary>
    internal readonly struct U32(uint value) : IBlock<U32>
    {
        private readonly uint _value = value;

        public static string Name => "U32";

        public static DTypeKind Kind => DTypeKind.Unsigned;

        public static void Decode(in U32 block, Span<double> values) => values[0] = block._value;

        public static U32 Encode(ReadOnlySpan<double> values) => new(uint.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Unsigned integer of 32 bits.</summary>
        public static DType U32 { get; } = Register(new BlockType<U32>());
    }
}
