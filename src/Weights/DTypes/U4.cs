using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Two unsigned integers of 4 bits in one byte, the first in the low nibble: 0 to 15.
    /// <code>
    /// bit  7 6 5 4   3 2 1 0
    ///      second    first
    /// </code>
    /// The order of the nibbles is that of ONNX's <c>UINT4</c>.
    /// </summary>
    internal readonly struct U4(byte pair) : IBlock<U4>
    {
        private readonly byte _pair = pair;

        public static string Name => "U4";

        public static DTypeKind Kind => DTypeKind.Unsigned;

        public static int Length => 2;

        public static void Decode(in U4 block, Span<double> values)
        {
            values[0] = block._pair & 0xF;
            values[1] = block._pair >> 4;
        }

        public static U4 Encode(ReadOnlySpan<double> values) => new((byte)(Nibble(values[0]) | (Nibble(values[1]) << 4)));

        private static int Nibble(double value) => Math.Min((int)byte.CreateSaturating(value), 15);
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Unsigned integer of 4 bits; two to a byte.</summary>
        public static DType U4 { get; } = Register(new BlockType<U4>());
    }
}
