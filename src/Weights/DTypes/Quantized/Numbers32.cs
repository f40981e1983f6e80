using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>A block of 32 numbers in four vectors.</summary>
internal readonly struct Numbers32
{
    private readonly Vector256<float> _a;
    private readonly Vector256<float> _b;
    private readonly Vector256<float> _c;
    private readonly Vector256<float> _d;

    /// <summary>Loads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Numbers32(ref readonly float first)
        : this(Vector256.LoadUnsafe(in first), Vector256.LoadUnsafe(in first, Lanes.Count), Vector256.LoadUnsafe(in first, 2 * Lanes.Count), Vector256.LoadUnsafe(in first, 3 * Lanes.Count))
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Numbers32(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d) => (_a, _b, _c, _d) = (a, b, c, d);

    /// <summary>The largest magnitude, in bits; above <see cref="Lanes.InfinityBits"/> if a NaN is among the numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int LargestMagnitude() => Lanes.Largest(Vector256.Max(
        Vector256.Max(Lanes.Magnitude(_a), Lanes.Magnitude(_b)),
        Vector256.Max(Lanes.Magnitude(_c), Lanes.Magnitude(_d))));

    /// <summary>The first number of that magnitude, which is there; +0 if it is zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FirstOf(ref readonly float first, int magnitude)
    {
        if (magnitude == 0)
        {
            return 0;
        }
        Numbers32 numbers = new(in first);
        Vector256<int> sought = Vector256.Create(magnitude);
        uint equal = Vector256.Equals(Lanes.Magnitude(numbers._a), sought).ExtractMostSignificantBits()
            | (Vector256.Equals(Lanes.Magnitude(numbers._b), sought).ExtractMostSignificantBits() << 8)
            | (Vector256.Equals(Lanes.Magnitude(numbers._c), sought).ExtractMostSignificantBits() << 16)
            | (Vector256.Equals(Lanes.Magnitude(numbers._d), sought).ExtractMostSignificantBits() << 24);
        return Unsafe.Add(ref Unsafe.AsRef(in first), System.Numerics.BitOperations.TrailingZeroCount(equal));
    }

    /// <summary>The least and the greatest number, if none is NaN and the least is not zero, of which there are two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (float Least, float Greatest) Bounds()
    {
        Vector256<float> least = Vector256.MinNative(Vector256.MinNative(_a, _b), Vector256.MinNative(_c, _d));
        Vector256<float> greatest = Vector256.MaxNative(Vector256.MaxNative(_a, _b), Vector256.MaxNative(_c, _d));
        Vector128<float> low = Vector128.MinNative(least.GetLower(), least.GetUpper());
        Vector128<float> high = Vector128.MaxNative(greatest.GetLower(), greatest.GetUpper());
        low = Vector128.MinNative(low, Vector128.Shuffle(low, Vector128.Create(2, 3, 0, 1)));
        high = Vector128.MaxNative(high, Vector128.Shuffle(high, Vector128.Create(2, 3, 0, 1)));
        low = Vector128.MinNative(low, Vector128.Shuffle(low, Vector128.Create(1, 0, 3, 2)));
        high = Vector128.MaxNative(high, Vector128.Shuffle(high, Vector128.Create(1, 0, 3, 2)));
        return (low.ToScalar(), high.ToScalar());
    }

    /// <summary>x · factor + addend, cut towards zero to 8 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> Truncated(float factor, float addend)
    {
        Vector256<float> f = Vector256.Create(factor);
        Vector256<float> s = Vector256.Create(addend);
        return Lanes.LowBytes(Lanes.Truncate((_a * f) + s), Lanes.Truncate((_b * f) + s), Lanes.Truncate((_c * f) + s), Lanes.Truncate((_d * f) + s));
    }

    /// <summary>(x − minimum) · factor + 1/2, cut towards zero to 8 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> TruncatedAbove(float minimum, float factor)
    {
        Vector256<float> m = Vector256.Create(minimum);
        return new Numbers32(_a - m, _b - m, _c - m, _d - m).Truncated(factor, 0.5f);
    }

    /// <summary>x · factor to the nearest integer, half away from zero, cut to 8 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> RoundedAway(float factor)
    {
        Vector256<float> f = Vector256.Create(factor);
        return Lanes.LowBytes(Lanes.AwayFromZero(_a * f), Lanes.AwayFromZero(_b * f), Lanes.AwayFromZero(_c * f), Lanes.AwayFromZero(_d * f));
    }

    /// <summary>x · factor to the nearest integer that is not greater than one, cut to 8 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> Nearest(float factor, int greatest)
    {
        Vector256<float> f = Vector256.Create(factor);
        Vector256<int> most = Vector256.Create(greatest);
        return Lanes.LowBytes(
            Vector256.Min(most, Lanes.Nearest(_a * f)), Vector256.Min(most, Lanes.Nearest(_b * f)),
            Vector256.Min(most, Lanes.Nearest(_c * f)), Vector256.Min(most, Lanes.Nearest(_d * f)));
    }

    /// <summary>factor · (x − minimum) to the nearest integer between the bounds, less the least.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> Levels(Vector256<float> first, Vector256<float> firstMinimum, Vector256<float> second, Vector256<float> secondMinimum, int least, int greatest) =>
        Bytes(first * (_a - firstMinimum), first * (_b - firstMinimum), second * (_c - secondMinimum), second * (_d - secondMinimum), least, greatest);

    /// <summary>(x + minimum) / divisor to the nearest integer between the bounds, less the least.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> Quotients(Vector256<float> first, Vector256<float> firstMinimum, Vector256<float> second, Vector256<float> secondMinimum, int least, int greatest) =>
        Bytes((_a + firstMinimum) / first, (_b + firstMinimum) / first, (_c + secondMinimum) / second, (_d + secondMinimum) / second, least, greatest);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Bytes(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d, int least, int greatest) =>
        Lanes.LowBytes(Level(a, least, greatest), Level(b, least, greatest), Level(c, least, greatest), Level(d, least, greatest)) - Vector256.Create(unchecked((byte)least));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Level(Vector256<float> value, int least, int greatest) => Lanes.Clamp(Lanes.Nearest(value), least, greatest);
}
