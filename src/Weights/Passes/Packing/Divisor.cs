using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>What many numbers are divided by. Where it is a power of two, they are multiplied by its inverse, which is exact and takes a quarter of the time.</summary>
internal readonly struct Divisor
{
    private const int MantissaBits = (1 << 23) - 1;

    // 2^-126 and 2^126.
    private const int SmallestNormal = 1 << 23;
    private const int LargestNormalInverse = 253 << 23;

    private readonly bool _isInverse;
    private readonly Vector256<float> _number;

    /// <summary>Any number.</summary>
    public Divisor(float divisor)
    {
        int bits = BitConverter.SingleToInt32Bits(divisor);
        _isInverse = (bits & MantissaBits) == 0 && bits is >= SmallestNormal and <= LargestNormalInverse;
        _number = Vector256.Create(_isInverse ? BitConverter.Int32BitsToSingle(SmallestNormal + LargestNormalInverse - bits) : divisor);
    }

    private Divisor(float number, bool isInverse) => (_number, _isInverse) = (Vector256.Create(number), isInverse);

    /// <summary>The inverse of a number, by which libraries multiply.</summary>
    public static Divisor OfInverse(float inverse) => new(inverse, isInverse: true);

    /// <summary>The quotients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Divide(Vector256<float> numbers) => _isInverse ? numbers * _number : numbers / _number;
}
