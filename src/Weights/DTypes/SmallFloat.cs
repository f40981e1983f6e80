using System.Runtime.CompilerServices;

namespace Weights.DTypes;

/// <summary>What a small floating-point type does with its extreme bit patterns.</summary>
internal enum Extremes
{
    /// <summary>IEEE 754: the largest exponent holds infinity and NaNs.</summary>
    InfinityAndNaN,

    /// <summary>"fn": no infinity; only all ones, under either sign, are NaN.</summary>
    AllOnesNaN,

    /// <summary>"fnuz": no infinity and no negative zero, whose pattern is the only NaN.</summary>
    NegativeZeroNaN,

    /// <summary>Every pattern is a finite number.</summary>
    Finite,
}

/// <summary>How a floating-point type divides its bits: from the highest down a sign, an exponent and a fraction.</summary>
internal interface IFloatLayout
{
    /// <summary>Bits of the exponent.</summary>
    static abstract int ExponentBits { get; }

    /// <summary>Bits of the fraction.</summary>
    static abstract int FractionBits { get; }

    /// <summary>What is subtracted from the exponent.</summary>
    static abstract int Bias { get; }

    /// <summary>What the patterns at the ends mean.</summary>
    static abstract Extremes Extremes { get; }
}

/// <summary>
/// Floating-point numbers of at most 32 bits.
/// <code>
/// exponent = 0   (−1)^sign · 2^(1 − bias) · 0.fraction
/// exponent > 0   (−1)^sign · 2^(exponent − bias) · 1.fraction      but for what Extremes takes
/// </code>
/// </summary>
/// <remarks>
/// Payloads of NaNs keep their upper bits both ways, so that decoding and encoding again gives the same bits; a payload
/// whose upper bits are all zero becomes the quiet NaN. All numbers of the layout are constants to the compiler.
/// </remarks>
/// <typeparam name="T">The layout.</typeparam>
internal static class SmallFloat<T>
    where T : struct, IFloatLayout
{
    private const int DoubleFraction = 52;
    private const int DoubleBias = 1023;
    private const ulong DoubleSign = 1UL << 63;
    private const ulong DoubleInfinity = 0x7FFUL << DoubleFraction;
    private const ulong DoubleQuietNaN = 0xFFFUL << (DoubleFraction - 1);

    // At most 256 numbers: 2 KB, which stay in the first-level cache.
    private static readonly double[] s_table = SignShift < 8 ? [.. Enumerable.Range(0, 2 << SignShift).Select(static bits => Compute((uint)bits))] : [];

    private static int SignShift => T.ExponentBits + T.FractionBits;

    private static int FractionShift => DoubleFraction - T.FractionBits;

    private static uint MagnitudeMask => (uint)((1UL << SignShift) - 1);

    private static uint SmallestNormal => 1u << T.FractionBits;

    private static uint Largest => T.Extremes switch
    {
        Extremes.InfinityAndNaN => MagnitudeMask - SmallestNormal,
        Extremes.AllOnesNaN => MagnitudeMask - 1,
        _ => MagnitudeMask,
    };

    /// <summary>The number that <paramref name="bits"/> are; bits above the sign must be zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Decode(uint bits) => SignShift < 8 ? s_table[bits] : Compute(bits);

    /// <summary>
    /// The nearest number of this type, of two equally near the one with an even last bit. Beyond the largest: infinity,
    /// else NaN, else the largest. NaN where there is none: the largest, as ONNX and CUDA cast to their 4-bit floats.
    /// </summary>
    public static uint Encode(double value)
    {
        unchecked
        {
            ulong bits = BitConverter.DoubleToUInt64Bits(value);
            uint sign = (uint)(bits >> 63) << SignShift;
            ulong magnitude = bits & ~DoubleSign;
            if (magnitude > DoubleInfinity)
            {
                return EncodeNaN(sign, magnitude);
            }
            uint rounded = Round(magnitude);
            if (rounded > Largest)
            {
                return T.Extremes switch
                {
                    Extremes.Finite => sign | Largest,
                    Extremes.NegativeZeroNaN => 1u << SignShift,
                    _ => sign | (Largest + 1),
                };
            }
            return rounded == 0 && T.Extremes == Extremes.NegativeZeroNaN ? 0 : sign | rounded;
        }
    }

    // A finite or infinite magnitude as exponent and fraction of this type, as if its exponent had no end.
    private static uint Round(ulong magnitude)
    {
        unchecked
        {
            // Doubles too small to have an implicit one are far below half of any smallest number here: they shift out whole.
            int exponent = (int)(magnitude >> DoubleFraction) - DoubleBias;
            ulong significand = (magnitude & ((1UL << DoubleFraction) - 1)) | (1UL << DoubleFraction);
            int aboveSmallest = exponent - (1 - T.Bias);
            int drop = FractionShift - Math.Min(aboveSmallest, 0);
            if (drop > DoubleFraction + 1)
            {
                return 0;
            }
            ulong half = (1UL << (drop - 1)) - 1 + ((significand >> drop) & 1);
            ulong kept = (significand + half) >> drop;
            // The implicit one is still in `kept`: it makes the exponent field one, and a carry makes it one more.
            ulong result = kept + ((ulong)Math.Max(aboveSmallest, 0) << T.FractionBits);
            return (uint)Math.Min(result, uint.MaxValue);
        }
    }

    private static uint EncodeNaN(uint sign, ulong magnitude)
    {
        unchecked
        {
            uint payload = (uint)(magnitude >> FractionShift) & (SmallestNormal - 1);
            return T.Extremes switch
            {
                Extremes.InfinityAndNaN => sign | (Largest + 1) | (payload != 0 ? payload : SmallestNormal >> 1),
                Extremes.AllOnesNaN => sign | (Largest + 1),
                Extremes.NegativeZeroNaN => 1u << SignShift,
                _ => Largest,
            };
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Compute(uint bits)
    {
        unchecked
        {
            uint magnitude = bits & MagnitudeMask;
            ulong sign = (ulong)(bits - magnitude) << (63 - SignShift);
            // Most numbers are normal: theirs is the same exponent and fraction further left, with another bias.
            ulong number = magnitude - SmallestNormal <= Largest - SmallestNormal
                ? ((ulong)magnitude << FractionShift) + ((ulong)(DoubleBias - T.Bias) << DoubleFraction)
                : ComputeUnusual(magnitude, sign != 0);
            return BitConverter.UInt64BitsToDouble(sign | number);
        }
    }

    // Zeros, subnormal numbers, infinities and NaNs, as doubles without their signs.
    private static ulong ComputeUnusual(uint magnitude, bool isNegative)
    {
        if (magnitude <= Largest && !(T.Extremes == Extremes.NegativeZeroNaN && magnitude == 0 && isNegative))
        {
            double smallest = BitConverter.UInt64BitsToDouble((ulong)(DoubleBias + 1 - T.Bias - T.FractionBits) << DoubleFraction);
            return BitConverter.DoubleToUInt64Bits(magnitude * smallest);
        }
        ulong payload = (ulong)(magnitude & (SmallestNormal - 1)) << FractionShift;
        return T.Extremes == Extremes.InfinityAndNaN ? DoubleInfinity | payload : DoubleQuietNaN;
    }
}
