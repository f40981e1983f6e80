using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Two's complement integer of 8 bits, one byte: −2⁷ to 2⁷ − 1.</summary>
    internal readonly struct I8(sbyte value) : IBlock<I8>
    {
        private readonly sbyte _value = value;

        public static string Name => "I8";

        public static DTypeKind Kind => DTypeKind.Signed;

        public static void Decode(in I8 block, Span<double> values) => values[0] = block._value;

        public static I8 Encode(ReadOnlySpan<double> values) => new(sbyte.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Signed integer of 8 bits.</summary>
        public static DType I8 { get; } = Register(new BlockType<I8>());
    }
}
