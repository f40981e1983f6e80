using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Four two's complement integers of 2 bits in one byte, the first in the lowest bits: −2 to 1.
    /// <code>
    /// bit      7 6   5 4   3 2   1 0
    /// element  3     2     1     0
    /// </code>
    /// The order is that of ONNX's <c>INT2</c>.
    /// </summary>
    internal readonly struct I2(byte four) : IBlock<I2>
    {
        private readonly byte _four = four;

        public static string Name => "I2";

        public static DTypeKind Kind => DTypeKind.Signed;

        public static int Length => 4;

        public static void Decode(in I2 block, Span<double> values)
        {
            for (int index = 0; index < Length; index++)
            {
                values[index] = unchecked((sbyte)(block._four << (6 - (2 * index)))) >> 6;
            }
        }

        public static I2 Encode(ReadOnlySpan<double> values) =>
            new((byte)(Bits(values[0]) | (Bits(values[1]) << 2) | (Bits(values[2]) << 4) | (Bits(values[3]) << 6)));

        private static int Bits(double value) => Math.Clamp((int)sbyte.CreateSaturating(value), -2, 1) & 3;
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Signed integer of 2 bits; four to a byte.</summary>
        public static DType I2 { get; } = Register(new BlockType<I2>());
    }
}
