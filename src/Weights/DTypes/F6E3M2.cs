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
    internal readonly struct F6E3M2 : IBlock<F6E3M2>
    {
        private static readonly SmallFloat s_layout = new(exponentBits: 3, fractionBits: 2, bias: 3, Extremes.Finite);

        private readonly PackedSixBits _packed;

        private F6E3M2(PackedSixBits packed) => _packed = packed;

        public static string Name => "F6_E3M2";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int Length => PackedSixBits.Count;

        public static void Decode(in F6E3M2 block, Span<double> values)
        {
            for (int index = 0; index < PackedSixBits.Count; index++)
            {
                values[index] = s_layout.Decode(block._packed[index]);
            }
        }

        public static F6E3M2 Encode(ReadOnlySpan<double> values) =>
            new(new PackedSixBits(s_layout.Encode(values[0]), s_layout.Encode(values[1]), s_layout.Encode(values[2]), s_layout.Encode(values[3])));
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
