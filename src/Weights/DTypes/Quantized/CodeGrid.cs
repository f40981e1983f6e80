using System.Numerics;

namespace Weights.DTypes.Quantized;

/// <summary>The code books as decoders need them: by index, the levels of a point as integers of 8 bits, the first number lowest.</summary>
internal static partial class CodeGrid
{
    /// <summary>The last number's sign is not stored: the count of minus signs in a group of eight is even.</summary>
    public static int WithParity(uint signs) => (int)((signs & 127) | ((uint)(BitOperations.PopCount(signs & 127) & 1) << 7));

    public static readonly ulong[] IQ2_XXS = Eights(CodePoints.IQ2_XXS, [8, 25, 43]);

    public static readonly ulong[] IQ2_XS = Eights(CodePoints.IQ2_XS, [8, 25, 43]);

    public static readonly ulong[] IQ2_S = Eights(CodePoints.IQ2_S, [8, 25, 43]);

    public static readonly uint[] IQ3_XXS = Fours(CodePoints.IQ3_XXS, [4, 12, 20, 28, 36, 44, 52, 62]);

    public static readonly uint[] IQ3_S = Fours(CodePoints.IQ3_S, [1, 3, 5, 7, 9, 11, 13, 15]);

    public static readonly ulong[] IQ1 = Eights(CodePoints.IQ1, [0xFF, 0, 1]);

    /// <summary>Eight numbers: <paramref name="scale"/> times the levels, negative where <paramref name="signs"/> has a bit.</summary>
    public static void Decode(ulong levels, int signs, float scale, Span<float> values)
    {
        for (int index = 0; index < 8; index++)
        {
            float magnitude = scale * ((levels >> (8 * index)) & 0xFF);
            values[index] = ((signs >> index) & 1) != 0 ? -magnitude : magnitude;
        }
    }

    /// <summary>Eight numbers: <paramref name="scale"/> times the sum of a signed level and <paramref name="shift"/>.</summary>
    public static void DecodeShifted(ulong levels, float shift, float scale, Span<float> values)
    {
        for (int index = 0; index < 8; index++)
        {
            values[index] = scale * (unchecked((sbyte)(levels >> (8 * index))) + shift);
        }
    }

    private static ulong[] Eights(ReadOnlySpan<ushort> points, ReadOnlySpan<byte> levels)
    {
        ulong[] grid = new ulong[points.Length];
        for (int point = 0; point < grid.Length; point++)
        {
            for (int index = 0; index < 8; index++)
            {
                grid[point] |= (ulong)levels[(points[point] >> (2 * index)) & 3] << (8 * index);
            }
        }
        return grid;
    }

    private static uint[] Fours(ReadOnlySpan<ushort> points, ReadOnlySpan<byte> levels)
    {
        uint[] grid = new uint[points.Length];
        for (int point = 0; point < grid.Length; point++)
        {
            for (int index = 0; index < 4; index++)
            {
                grid[point] |= (uint)levels[(points[point] >> (3 * index)) & 7] << (8 * index);
            }
        }
        return grid;
    }
}
