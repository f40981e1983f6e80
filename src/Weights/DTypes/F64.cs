using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>
    /// IEEE 754 binary64: bit 63 sign, 62–52 exponent (bias 1023), 51–0 fraction.
    /// </summary>
    internal readonly struct F64(double value) : IBlock<F64>
    {
        private readonly double _value = value;

        public static string Name => "F64";

        public static DTypeKind Kind => DTypeKind.Float;

        public static void Decode(in F64 block, Span<double> values) => values[0] = block._value;

        public static F64 Encode(ReadOnlySpan<double> values) => new(values[0]);
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>IEEE 754 binary64.</summary>
        public static DType F64 { get; } = Register(new BlockType<F64>());
    }
}
