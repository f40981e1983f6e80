using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Four 6-bit floats E3M2 in three bytes, dense, from the lowest bit up.
    /// <code>
    /// byte     2                 1                     0
    /// bit      7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0
    /// element  3 3 3 3 3 3 2 2   2 2 2 2 1 1 1 1   1 1 0 0 0 0 0 0
    ///
    /// bit      5   4 3 2      1 0
    ///          s   exponent   fraction      bias 3
    /// </code>
    /// Largest 28, smallest 0.0625; neither infinity nor NaN. Source: OCP Microscaling Formats (MX) 1.0, 5.3.2.
    /// </summary>
    internal readonly struct F6E3M2 : IBlock<F6E3M2>, IFloatLayout
    {
        private readonly PackedSixBits _packed;

        private F6E3M2(PackedSixBits packed) => _packed = packed;

        public static string Name => "F6_E3M2";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int Length => PackedSixBits.Count;

        public static int ExponentBits => 3;

        public static int FractionBits => 2;

        public static int Bias => 3;

        public static Extremes Extremes => Extremes.Finite;

        public static void Decode(in F6E3M2 block, Span<double> values)
        {
            for (int index = 0; index < PackedSixBits.Count; index++)
            {
                values[index] = SmallFloat<F6E3M2>.Decode(block._packed[index]);
            }
        }

        public static F6E3M2 Encode(ReadOnlySpan<double> values) =>
            new(new PackedSixBits(SmallFloat<F6E3M2>.Encode(values[0]), SmallFloat<F6E3M2>.Encode(values[1]), SmallFloat<F6E3M2>.Encode(values[2]), SmallFloat<F6E3M2>.Encode(values[3])));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>6-bit float with 3 bits of exponent, all finite; four to three bytes.</summary>
        public static DType F6E3M2 { get; } = Register(new BlockType<F6E3M2>());
    }
}
