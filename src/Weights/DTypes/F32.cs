using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// IEEE 754 binary32: bit 31 sign, 30–23 exponent (bias 127), 22–0 fraction.
    /// </summary>
    internal readonly struct F32(float value) : IBlock<F32>, IFloatLayout
    {
        private readonly float _value = value;

        public static string Name => "F32";

        public static DTypeKind Kind => DTypeKind.Float;

        public static int ExponentBits => 8;

        public static int FractionBits => 23;

        public static int Bias => 127;

        public static Extremes Extremes => Extremes.InfinityAndNaN;

        public static void Decode(in F32 block, Span<double> values) => values[0] = Widen(block._value);

        public static F32 Encode(ReadOnlySpan<double> values) => new(Narrow(values[0]));

        /// <summary>The number as a double. The processor would make signalling NaNs quiet; this keeps them.</summary>
        public static double Widen(float value) => float.IsNaN(value) ? SmallFloat<F32>.Decode(BitConverter.SingleToUInt32Bits(value)) : value;

        /// <summary>The nearest binary32; NaNs as in <see cref="Widen"/>.</summary>
        public static float Narrow(double value) => double.IsNaN(value) ? BitConverter.UInt32BitsToSingle(SmallFloat<F32>.Encode(value)) : (float)value;
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>IEEE 754 binary32.</summary>
        public static DType F32 { get; } = Register(new BlockType<F32>());
    }
}
