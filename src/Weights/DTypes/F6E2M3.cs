using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// Four 6-bit floats E2M3 in three bytes, dense, from the lowest bit up.
    /// <code>
    /// byte     2                 1                     0
    /// bit      7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0
    /// element  3 3 3 3 3 3 2 2   2 2 2 2 1 1 1 1   1 1 0 0 0 0 0 0
    ///
    /// bit      5   4 3        2 1 0
    ///          s   exponent   fraction      bias 1
    /// </code>
    /// Largest 7.5, smallest 0.125; neither infinity nor NaN. Source: OCP Microscaling Formats (MX) 1.0, 5.3.2.
    /// </summary>
    internal readonly struct F6E2M3 : IBlock<F6E2M3>, IFloatLayout
    {
        private readonly PackedSixBits _packed;

        private F6E2M3(PackedSixBits packed) => _packed = packed;

        public static string Name => "F6_E2M3";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int Length => PackedSixBits.Count;

        public static int ExponentBits => 2;

        public static int FractionBits => 3;

        public static int Bias => 1;

        public static Extremes Extremes => Extremes.Finite;

        public static void Decode(in F6E2M3 block, Span<double> values)
        {
            for (int index = 0; index < PackedSixBits.Count; index++)
            {
                values[index] = SmallFloat<F6E2M3>.Decode(block._packed[index]);
            }
        }

        public static F6E2M3 Encode(ReadOnlySpan<double> values) =>
            new(new PackedSixBits(SmallFloat<F6E2M3>.Encode(values[0]), SmallFloat<F6E2M3>.Encode(values[1]), SmallFloat<F6E2M3>.Encode(values[2]), SmallFloat<F6E2M3>.Encode(values[3])));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>6-bit float with 2 bits of exponent, all finite; four to three bytes.</summary>
        public static DType F6E2M3 { get; } = Register(new BlockType<F6E2M3>());
    }
}
