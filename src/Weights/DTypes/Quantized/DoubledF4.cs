using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>4-bit floats E2M1, multiplied by two so that all are integers: 0, 1, 2, 3, 4, 6, 8, 12 and their negatives; scales are halved for it.</summary>
internal static class DoubledF4
{
    /// <summary>The sixteen integers; the second zero is −0.</summary>
    public static ReadOnlySpan<sbyte> Values => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    /// <summary>The integers of 32 indices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Of(Vector256<byte> indices)
    {
        Vector128<sbyte> table = Vector128.Create(Values);
        return Avx2.Shuffle(Vector256.Create(table, table), indices.AsSByte());
    }

    /// <summary>Whether <see cref="NearestLanes"/> gives the indices for numbers up to a magnitude: not for what is so far beyond the values that all are equally near.</summary>
    public static bool Reaches(float scale, float magnitude) => magnitude <= 4096 * scale;

    /// <summary>As <see cref="Nearest"/>, for eight numbers: halfway between two values, which is exact, is nearest to the one next to zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> NearestLanes(Vector256<float> numbers, Vector256<float> scale)
    {
        Vector256<float> magnitude = Vector256.Abs(numbers);
        Vector256<int> index = -(Above(magnitude, scale * 0.5f) + Above(magnitude, scale * 1.5f) + Above(magnitude, scale * 2.5f) + Above(magnitude, scale * 3.5f)
            + Above(magnitude, scale * 5) + Above(magnitude, scale * 7) + Above(magnitude, scale * 10));
        // What is nearest to zero has index 0 with either sign.
        Vector256<int> sign = (numbers.AsInt32() >>> 28) & Vector256.Create(8);
        return index | Vector256.AndNot(sign, Vector256.Equals(index, Vector256<int>.Zero));
    }

    // −1 where a magnitude is above a limit.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Above(Vector256<float> magnitude, Vector256<float> limit) => Vector256.GreaterThan(magnitude, limit).AsInt32();

    /// <summary>Index of the value that, multiplied by <paramref name="scale"/>, is nearest to a number; of two, the first.</summary>
    public static int Nearest(float number, float scale)
    {
        int nearest = 0;
        float least = Math.Abs((Values[0] * scale) - number);
        for (int index = 1; index < Values.Length; index++)
        {
            float error = Math.Abs((Values[index] * scale) - number);
            if (error < least)
            {
                nearest = index;
                least = error;
            }
        }
        return nearest;
    }
}
