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
