using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>
/// What IQ1_S and IQ1_M have in common: numbers of three levels, -1, 0 and 1, that a shift of 1/8 moves up or down, eight of them a point of a code book.
/// </summary>
internal static partial class TernarySearch
{
    /// <summary>The levels moved up.</summary>
    public static ReadOnlySpan<float> Up => [-0.875f, 0.125f, 1.125f];

    /// <summary>The levels moved down.</summary>
    public static ReadOnlySpan<float> Down => [-1.125f, -0.125f, 0.875f];

    /// <summary>The largest magnitude.</summary>
    public static float LargestOf(ReadOnlySpan<float> numbers)
    {
        float largest = 0;
        foreach (float number in numbers)
        {
            largest = largest > Math.Abs(number) ? largest : Math.Abs(number);
        }
        return largest;
    }

    /// <summary>The order of numbers from the lowest up; equal ones keep theirs.</summary>
    public static void Sort(ReadOnlySpan<float> numbers, Span<byte> order)
    {
        if (Avx2.IsSupported)
        {
            SortVector(numbers, order);
            return;
        }
        SortScalar(numbers, order);
    }

    /// <summary>As <see cref="Sort"/>.</summary>
    public static void SortScalar(ReadOnlySpan<float> numbers, Span<byte> order)
    {
        for (int index = 0; index < order.Length; index++)
        {
            int place = index;
            for (; place > 0 && numbers[index] < numbers[order[place - 1]]; place--)
            {
                order[place] = order[place - 1];
            }
            order[place] = (byte)index;
        }
    }

    /// <summary>The levels of a group, packed eight to a code, where the first numbers in order have the lowest level and the last ones the highest.</summary>
    public static void Split(ReadOnlySpan<byte> order, int low, int high, bool negate, Span<ushort> codes)
    {
        codes.Clear();
        for (int rank = 0; rank < order.Length; rank++)
        {
            int level = rank < low ? 0 : rank < high ? 1 : 2;
            codes[order[rank] / 8] |= (ushort)((negate ? 2 - level : level) << (2 * (order[rank] % 8)));
        }
    }

    /// <summary>
    /// Replaces codes by points of the book that are near them, and where one was none fits the scale to them.
    /// </summary>
    /// <returns>The scale: infinite where sums overflowed, which makes the reference implementation abort.</returns>
    public static float ToPoints(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, ReadOnlySpan<bool> up, float scale, Span<ushort> codes)
    {
        CodeBook book = CodeBook.IQ1;
        bool same = true;
        for (int point = 0; point < codes.Length; point++)
        {
            int code = codes[point];
            codes[point] = (ushort)Closest(code, numbers.Slice(8 * point, 8), weights.Slice(8 * point, 8), scale, up[point] ? Up : Down);
            same &= book.IndexOf(code) >= 0;
        }
        if (!same)
        {
            float products = 0;
            float squares = 0;
            for (int point = 0; point < codes.Length; point++)
            {
                AddSums(numbers.Slice(8 * point, 8), weights.Slice(8 * point, 8), up[point], 1, codes[point], ref products, ref squares);
            }
            scale = products > 0 && squares > 0 ? products / squares : scale;
        }
        return scale >= 0 ? scale : float.PositiveInfinity;
    }

    private static int Closest(int code, ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float scale, ReadOnlySpan<float> levels) => Avx2.IsSupported
        ? CodeBook.IQ1.ClosestVector(
            code,
            ref MemoryMarshal.GetReference(numbers),
            ref MemoryMarshal.GetReference(weights),
            Vector256.Create(levels[0], levels[1], levels[2], 0, levels[0], levels[1], levels[2], 0) * scale)
        : CodeBook.IQ1.Closest(code, numbers, weights, scale, levels);

    /// <summary>Adds weight · level · number and weight · level² of the eight numbers of a point: the sums' quotient is the best scale for the levels.</summary>
    public static void AddSums(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, bool up, float factor, int code, ref float products, ref float squares)
    {
        ReadOnlySpan<float> levels = up ? Up : Down;
        for (int index = 0; index < 8; index++)
        {
            float level = levels[(code >> (2 * index)) & 3] * factor;
            products += weights[index] * level * numbers[index];
            squares += weights[index] * level * level;
        }
    }

    /// <summary>The level of each scale in 3 bits: l stands for (2·l + 1) · d.</summary>
    public static int ScaleLevel(float inverse, float scale) => Math.Clamp(Rounding.Nearest(0.5f * (inverse * scale - 1)), 0, 7);
}
