using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Two 4-bit floats E2M1 in one byte, the first in the low nibble.
    /// <code>
    /// bit  7   6 5    4      3   2 1    0
    ///      s   exp.   fr.    s   exp.   fr.      bias 1
    ///      second            first
    /// </code>
    /// ±0, 0.5, 1, 1.5, 2, 3, 4, 6; neither infinity nor NaN. Source: OCP Microscaling Formats (MX) 1.0, 5.3.3; the order of
    /// the nibbles is that of PyTorch's <c>float4_e2m1fn_x2</c> and of ONNX's <c>FLOAT4E2M1</c>.
    /// </summary>
    internal readonly struct F4(byte pair) : IBlock<F4>, IFloatLayout
    {
        private readonly byte _pair = pair;

        public static string Name => "F4";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int Length => 2;

        public static int ExponentBits => 2;

        public static int FractionBits => 1;

        public static int Bias => 1;

        public static Extremes Extremes => Extremes.Finite;

        public static void Decode(in F4 block, Span<double> values)
        {
            values[0] = SmallFloat<F4>.Decode(block._pair & 0xFu);
            values[1] = SmallFloat<F4>.Decode((uint)block._pair >> 4);
        }

        public static F4 Encode(ReadOnlySpan<double> values) => new((byte)(SmallFloat<F4>.Encode(values[0]) | (SmallFloat<F4>.Encode(values[1]) << 4)));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>4-bit float with 2 bits of exponent, all finite; two to a byte.</summary>
        public static DType F4 { get; } = Register(new BlockType<F4>());
    }
}
