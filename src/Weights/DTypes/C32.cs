using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Complex number of two IEEE 754 binary16 numbers: first the real part, then the imaginary one.</summary>
    internal readonly struct C32(ushort real, ushort imaginary) : IBlock<C32>
    {
        private readonly ushort _real = real;
        private readonly ushort _imaginary = imaginary;

        public static string Name => "C32";

        public static DTypeKind Kind => DTypeKind.Complex;

        public static void Decode(in C32 block, Span<double> values)
        {
            values[0] = SmallFloat<F16>.Decode(block._real);
            values[1] = SmallFloat<F16>.Decode(block._imaginary);
        }

        public static C32 Encode(ReadOnlySpan<double> values) => new((ushort)SmallFloat<F16>.Encode(values[0]), (ushort)SmallFloat<F16>.Encode(values[1]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Complex number of two IEEE 754 binary16 numbers: real part, imaginary part.</summary>
        public static DType C32 { get; } = Register(new BlockType<C32>());
    }
}
