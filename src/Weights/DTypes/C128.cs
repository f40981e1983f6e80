using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Complex number of two IEEE 754 binary64 numbers: first the real part, then the imaginary one.</summary>
    internal readonly struct C128(double real, double imaginary) : IBlock<C128>
    {
        private readonly double _real = real;
        private readonly double _imaginary = imaginary;

        public static string Name => "C128";

        public static DTypeKind Kind => DTypeKind.Complex;

        public static void Decode(in C128 block, Span<double> values)
        {
            values[0] = block._real;
            values[1] = block._imaginary;
        }

        public static C128 Encode(ReadOnlySpan<double> values) => new(values[0], values[1]);
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Complex number of two IEEE 754 binary64 numbers: real part, imaginary part.</summary>
        public static DType C128 { get; } = Register(new BlockType<C128>());
    }
}
