using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Two two's complement integers of 4 bits in one byte, the first in the low nibble: −8 to 7.
    /// <code>
    /// bit  7 6 5 4   3 2 1 0
    ///      second    first
    /// </code>
    /// The order of the nibbles is that of ONNX's <c>INT4</c>.
    /// </summary>
    internal readonly struct I4(byte pair) : IBlock<I4>
    {
        private readonly byte _pair = pair;

        public static string Name => "I4";

        public static DTypeKind Kind => DTypeKind.Signed;

        public static int Length => 2;

        public static void Decode(in I4 block, Span<double> values)
        {
            values[0] = unchecked((sbyte)(block._pair << 4)) >> 4;
            values[1] = unchecked((sbyte)block._pair) >> 4;
        }

        public static I4 Encode(ReadOnlySpan<double> values) => new((byte)(Nibble(values[0]) | (Nibble(values[1]) << 4)));

        private static int Nibble(double value) => Math.Clamp((int)sbyte.CreateSaturating(value), -8, 7) & 0xF;
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Signed integer of 4 bits; two to a byte.</summary>
        public static DType I4 { get; } = Register(new BlockType<I4>());
    }
}
