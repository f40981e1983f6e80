namespace Weights.Passes.Packing;

/// <summary>How scales are stored: which numbers they can be, and what they stand for.</summary>
internal abstract class ScaleStorage
{
    private protected ScaleStorage(DType dtype) => DType = dtype;

    /// <summary>The type of stored scales.</summary>
    public DType DType { get; }

    /// <summary>A number of a floating-point type, the nearest to the scale wanted.</summary>
    public static ScaleStorage Of(DType dtype) => new Floats(dtype);

    /// <summary>
    /// A power of two (E8M0), for elements whose largest has the exponent <paramref name="exponent"/>. As compressed-tensors chooses it: what is 1.75 times a power of two or more
    /// counts as the next.
    /// </summary>
    public static ScaleStorage Powers(int exponent) => new PowersOfTwo(exponent);

    /// <summary>An F8_E4M3 that is divided by one number for all.</summary>
    public static ScaleStorage Divided(float divisor) => new DividedFloats(divisor);

    /// <summary>The largest number itself, an F32.</summary>
    public static ScaleStorage Magnitude() => new Magnitudes();

    /// <summary>The scale, as stored, with which the largest number of a block becomes the largest level.</summary>
    /// <param name="magnitude">The largest number.</param>
    /// <param name="level">The largest level.</param>
    public abstract float Fit(float magnitude, float level);

    /// <summary>What a stored scale is multiplied as.</summary>
    public virtual float Value(float stored) => stored;

    // A block of zeros has a scale, too, as runtimes may divide by it: the distance from 1 to the next number.
    private sealed class Floats : ScaleStorage
    {
        private const uint HalfOfLast = 0x7FFF;

        private readonly float _smallest;

        public Floats(DType dtype)
            : base(dtype) => _smallest = dtype == DType.F16 ? 1 / 1024f : dtype == DType.BF16 ? 1 / 128f : 1 / 8388608f;

        public override float Fit(float magnitude, float level)
        {
            float scale = Nearest(magnitude / level);
            // Larger ones than F16 holds, too.
            return scale == 0 ? _smallest : float.IsFinite(scale) ? scale : DType == DType.F16 ? 65504 : float.MaxValue;
        }

        private float Nearest(float scale)
        {
            if (DType == DType.F32)
            {
                return scale;
            }
            if (DType == DType.F16)
            {
                return (float)(Half)scale;
            }
            // The upper half of an F32, ties to even.
            uint bits = BitConverter.SingleToUInt32Bits(scale);
            return BitConverter.UInt32BitsToSingle((bits + HalfOfLast + ((bits >> 16) & 1)) & 0xFFFF0000);
        }
    }

    private sealed class Magnitudes() : ScaleStorage(DType.F32)
    {
        public override float Fit(float magnitude, float level) => magnitude;
    }

    private sealed class PowersOfTwo(int exponent) : ScaleStorage(DType.F8E8M0)
    {
        private const int QuarterOfMantissa = 1 << 21;
        private const int HalfOfSmallestNormal = 1 << 22;

        public override float Fit(float magnitude, float level)
        {
            int biased = unchecked(BitConverter.SingleToInt32Bits(magnitude) + QuarterOfMantissa) >>> 23;
            int stored = Math.Clamp(biased - exponent, 0, 254);
            return BitConverter.Int32BitsToSingle(stored == 0 ? HalfOfSmallestNormal : stored << 23);
        }
    }

    private sealed class DividedFloats(float divisor) : ScaleStorage(DType.F8E4M3)
    {
        private const float Smallest = 0.125f;

        public override float Fit(float magnitude, float level)
        {
            float stored = EightBitFloats.Nearest(divisor * (magnitude / level));
            return stored == 0 ? Smallest : stored;
        }

        public override float Value(float stored) => stored / divisor;
    }
}
