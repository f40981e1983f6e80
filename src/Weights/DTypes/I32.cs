using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Two's complement integer of 32 bits, little-endian: −2³¹ to 2³¹ − 1.</summary>
    internal readonly struct I32(int value) : IBlock<I32>
    {
        private readonly int _value = value;

        public static string Name => "I32";

        public static DTypeKind Kind => DTypeKind.Signed;

        public static void Decode(in I32 block, Span<double> values) => values[0] = block._value;

        public static I32 Encode(ReadOnlySpan<double> values) => new(int.CreateSaturating(values[0]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Signed integer of 32 bits.</summary>
        public static DType I32 { get; } = Register(new BlockType<I32>());
    }
}
