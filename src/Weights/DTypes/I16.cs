using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Two's complement integer of 16 bits, little-endian: −2¹⁵ to 2¹⁵ − 1.</summary>
    internal readonly struct I16(short value) : IBlock<I16>
    {
        private readonly short _value = value;

        public static string Name => "I16";

        public static DTypeKind Kind => DTypeKind.Signed;

        public static void Decode(in I16 block, Span<double> values) => values[0] = block._value;

        public static I16 Encode(ReadOnlySpan<double> values) => new(short.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Signed integer of 16 bits.</summary>
        public static DType I16 { get; } = Register(new BlockType<I16>());
    }
}
