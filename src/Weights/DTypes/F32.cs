using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// IEEE 754 binary32: bit 31 sign, 30–23 exponent (bias 127), 22–0 fraction.
    /// </summary>
    internal readonly struct F32(float value) : IBlock<F32>
    {
        private readonly float _value = value;

        public static string Name => "F32";

        public static DTypeKind Kind => DTypeKind.Float;

        public static void Decode(in F32 block, Span<double> values) => values[0] = block._value;

        public static F32 Encode(ReadOnlySpan<double> values) => new((float)values[0]);
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
