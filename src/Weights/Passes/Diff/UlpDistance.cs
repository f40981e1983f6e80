using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weights.Passes.Diff;

/// <summary>
/// How many numbers of a floating-point type lie between two: the bits of each, put in the order of the numbers, subtracted. 0 and −0 are one
/// number; NaNs have no distance.
/// </summary>
internal static class UlpDistance
{
    /// <summary>Whether it means something for the type.</summary>
    public static bool IsDefined(DType dtype) => dtype.Kind == DTypeKind.Float && dtype.BlockLength == 1 && dtype.BlockBytes is 2 or 4 or 8;

    /// <summary>The largest distance between elements at one place.</summary>
    public static ulong Largest(DType dtype, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => dtype.BlockBytes switch
    {
        2 when dtype == DType.F16 => Largest<short>(a, b, 0x7C00),
        2 => Largest<short>(a, b, 0x7F80),
        4 => Largest<int>(a, b, 0x7F80_0000),
        _ => Largest<long>(a, b, 0x7FF0_0000_0000_0000),
    };

    private static ulong Largest<T>(ReadOnlySpan<byte> bytesA, ReadOnlySpan<byte> bytesB, T infinity)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        ReadOnlySpan<T> a = MemoryMarshal.Cast<byte, T>(bytesA);
        ReadOnlySpan<T> b = MemoryMarshal.Cast<byte, T>(bytesB);
        int vectors = Vector.IsHardwareAccelerated ? a.Length / Vector<T>.Count : 0;
        Vector<T> magnitude = new(T.MaxValue);
        Vector<T> infinities = new(infinity);
        Vector<T> most = new(T.MinValue); // Distances, which are unsigned, moved by the least number, so that they compare as signed ones.
        for (int index = 0; index < vectors; index++)
        {
            Vector<T> left = new(a[(index * Vector<T>.Count)..]);
            Vector<T> right = new(b[(index * Vector<T>.Count)..]);
            Vector<T> numbers = Vector.LessThanOrEqual(left & magnitude, infinities) & Vector.LessThanOrEqual(right & magnitude, infinities);
            Vector<T> orderedLeft = Ordered(left, magnitude);
            Vector<T> orderedRight = Ordered(right, magnitude);
            Vector<T> distance = (Vector.Max(orderedLeft, orderedRight) - Vector.Min(orderedLeft, orderedRight)) & numbers;
            most = Vector.Max(most, distance + new Vector<T>(T.MinValue));
        }
        T largest = T.Zero; // As an unsigned number.
        for (int lane = 0; lane < Vector<T>.Count; lane++)
        {
            largest = MaxUnsigned(largest, unchecked(most[lane] - T.MinValue));
        }
        for (int index = vectors * Vector<T>.Count; index < a.Length; index++)
        {
            largest = MaxUnsigned(largest, Distance(a[index], b[index], infinity));
        }
        return ulong.CreateTruncating(largest) & (ulong.MaxValue >> (64 - (8 * Unsafe.SizeOf<T>())));
    }

    // The specification.
    private static T Distance<T>(T a, T b, T infinity)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if ((a & T.MaxValue) > infinity || (b & T.MaxValue) > infinity)
        {
            return T.Zero;
        }
        (T left, T right) = (Ordered(a), Ordered(b));
        return unchecked(T.Max(left, right) - T.Min(left, right));
    }

    private static T Ordered<T>(T bits)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.IsNegative(bits) ? unchecked(T.Zero - (bits & T.MaxValue)) : bits;

    private static Vector<T> Ordered<T>(Vector<T> bits, Vector<T> magnitude)
        where T : unmanaged, IBinaryInteger<T> =>
        Vector.ConditionalSelect(Vector.LessThan(bits, Vector<T>.Zero), Vector<T>.Zero - (bits & magnitude), bits);

    private static T MaxUnsigned<T>(T left, T right)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => unchecked(left + T.MinValue) >= unchecked(right + T.MinValue) ? left : right;
}
