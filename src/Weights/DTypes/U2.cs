using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Four unsigned integers of 2 bits in one byte, the first in the lowest bits: 0 to 3.
    /// <code>
    /// bit      7 6   5 4   3 2   1 0
    /// element  3     2     1     0
    /// </code>
    /// The order is that of ONNX's <c>UINT2</c>.
    /// </summary>
    internal readonly struct U2(byte four) : IBlock<U2>
    {
        private readonly byte _four = four;

        public static string Name => "U2";

        public static DTypeKind Kind => DTypeKind.Unsigned;

        public static int Length => 4;

        public static void Decode(in U2 block, Span<double> values)
        {
            for (int index = 0; index < Length; index++)
            {
                values[index] = (block._four >> (2 * index)) & 3;
            }
        }

        public static U2 Encode(ReadOnlySpan<double> values) =>
            new((byte)(Bits(values[0]) | (Bits(values[1]) << 2) | (Bits(values[2]) << 4) | (Bits(values[3]) << 6)));

        private static int Bits(double value) => Math.Min((int)byte.CreateSaturating(value), 3);
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Unsigned integer of 2 bits; four to a byte.</summary>
        public static DType U2 { get; } = Register(new BlockType<U2>());
    }
}
