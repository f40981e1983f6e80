using Weights.DTypes;

namespace Weights.DTypes
{
    /// <summary>Complex number of two IEEE 754 binary32 numbers: first the real part, then the imaginary one.</summary>
    internal readonly struct C64(float real, float imaginary) : IBlock<C64>
    {
        private readonly float _real = real;
        private readonly float _imaginary = imaginary;

        public static string Name => "C64";

        public static DTypeKind Kind => DTypeKind.Complex;

        public static void Decode(in C64 block, Span<double> values)
        {
            values[0] = F32.Widen(block._real);
            values[1] = F32.Widen(block._imaginary);
        }

        public static C64 Encode(ReadOnlySpan<double> values) => new(F32.Narrow(values[0]), F32.Narrow(values[1]));
    }
}

namespace Weights
{
    public abstract partial class DType
    {
        /// <summary>Complex number of two IEEE 754 binary32 numbers: real part, imaginary part.</summary>
        public static DType C64 { get; } = Register(new BlockType<C64>());
    }
}
