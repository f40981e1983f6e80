using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>True or false, one byte: 0 is false; every other byte is read as true, and true is written as 1.</summary>
    /// <remarks>Every number but ±0 is true, NaN too, as in C, NumPy and PyTorch.</remarks>
    internal readonly struct Bool(byte value) : IBlock<Bool>
    {
        private readonly byte _value = value;

        public static string Name => "BOOL";

        public static DTypeKind Kind => DTypeKind.Bool;

        public static void Decode(in Bool block, Span<double> values) => values[0] = block._value != 0 ? 1 : 0;

        public static Bool Encode(ReadOnlySpan<double> values) => new(values[0] != 0 ? (byte)1 : (byte)0);
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>True or false, one byte.</summary>
        public static DType Bool { get; } = Register(new BlockType<Bool>());
    }
}
