using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary><see cref="ScaleSearch.Symmetric"/> of eight blocks side by side, one to a lane.</summary>
internal static class SymmetricLanes
{
    private const int MaximumLength = 32;
    private const float Rounder = 12_582_912f;

    /// <summary>Scales and levels of up to eight blocks of 32 numbers.</summary>
    /// <param name="numbers">The blocks.</param>
    /// <param name="importances">As many as numbers.</param>
    /// <param name="square">The mean square of the row.</param>
    /// <param name="bound">The integers are from −bound to bound − 1.</param>
    /// <param name="scales">Eight scales.</param>
    /// <param name="levels">Levels of eight blocks.</param>
    /// <returns>False if a number is not finite: then nothing is written.</returns>
    [SkipLocalsInit]
    public static bool Blocks(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, int bound, Span<float> scales, Span<byte> levels)
    {
        if (Lanes.LargestMagnitude(numbers) >= Lanes.InfinityBits)
        {
            return false;
        }
        Span<float> padding = stackalloc float[2 * 256];
        ReadOnlySpan<float> padded = Lanes.Padded(numbers, padding[..256]);
        Span<Vector256<float>> transposed = stackalloc Vector256<float>[32];
        Span<Vector256<float>> weights = stackalloc Vector256<float>[32];
        Lanes.Transpose(padded, transposed);
        ErrorWeights.WeighLanes(transposed, Lanes.Padded(importances, padding[256..]), square, weights);
        (Vector256<float> scale, Vector256<float> inverse) = Run(transposed, weights, bound);
        scale.CopyTo(scales);
        Span<float> inverses = stackalloc float[Lanes.Count];
        inverse.CopyTo(inverses);
        ReadOnlySpan<float> minimums = [0, 0, 0, 0, 0, 0, 0, 0];
        new LevelLanes(32, -bound, bound - 1).Scale(padded, inverses, minimums, levels);
        return true;
    }

    /// <summary>The scales, and the factors that give the levels, zero for blocks that are zero.</summary>
    /// <param name="numbers">Vector i has number i of each block; all are finite.</param>
    /// <param name="weights">Their weights; the squares if there are none.</param>
    /// <param name="bound">The integers are from −bound to bound − 1.</param>
    [SkipLocalsInit]
    public static (Vector256<float> Scale, Vector256<float> Inverse) Run(ReadOnlySpan<Vector256<float>> numbers, ReadOnlySpan<Vector256<float>> weights, int bound)
    {
        // Numbers, weights, and weights times numbers.
        Span<Vector256<float>> terms = stackalloc Vector256<float>[3 * MaximumLength];
        Vector256<float> magnitude = Vector256<float>.Zero;
        Vector256<float> farthest = Vector256<float>.Zero;
        for (int index = 0; index < numbers.Length; index++)
        {
            Vector256<float> number = numbers[index];
            Vector256<float> larger = Vector256.GreaterThan(Vector256.Abs(number), magnitude);
            magnitude = Vector256.ConditionalSelect(larger, Vector256.Abs(number), magnitude);
            farthest = Vector256.ConditionalSelect(larger, number, farthest);
            Vector256<float> weight = weights.IsEmpty ? number * number : weights[index];
            terms[index] = number;
            terms[MaximumLength + index] = weight;
            terms[(2 * MaximumLength) + index] = weight * number;
        }
        Vector256<float> inverse = Vector256.Create((float)-bound) / farthest;
        (Vector256<float> product, Vector256<float> square, _, _) = Fit(terms, numbers.Length, inverse, inverse, bound);
        Vector256<float> scale = Vector256.AndNot(product / square, Vector256.Equals(square, Vector256<float>.Zero));
        Vector256<float> best = scale * product;
        for (int pair = 0; pair < 9; pair++)
        {
            // −9 and −8, …, −1 and 1, …, 8 and 9.
            Vector256<float> first = Tried((2 * pair) - 9 + (pair > 4 ? 1 : 0), bound) / farthest;
            Vector256<float> second = Tried((2 * pair) - 8 + (pair > 3 ? 1 : 0), bound) / farthest;
            (Vector256<float> firstProduct, Vector256<float> firstSquare, Vector256<float> secondProduct, Vector256<float> secondSquare) = Fit(terms, numbers.Length, first, second, bound);
            Keep(first, firstProduct, firstSquare, ref inverse, ref scale, ref best);
            Keep(second, secondProduct, secondSquare, ref inverse, ref scale, ref best);
        }
        Vector256<float> isZero = Vector256.LessThan(magnitude, Vector256.Create(ScaleSearch.Negligible));
        return (Vector256.AndNot(scale, isZero), Vector256.AndNot(inverse, isZero));
    }

    private static Vector256<float> Tried(int step, int bound) => Vector256.Create(-(bound + (0.1f * step)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(Vector256<float> tried, Vector256<float> product, Vector256<float> square, ref Vector256<float> inverse, ref Vector256<float> scale, ref Vector256<float> best)
    {
        Vector256<float> better = Vector256.GreaterThan(square, Vector256<float>.Zero) & Vector256.GreaterThan(product * product, best * square);
        inverse = Vector256.ConditionalSelect(better, tried, inverse);
        scale = Vector256.ConditionalSelect(better, product / square, scale);
        best = Vector256.ConditionalSelect(better, scale * product, best);
    }

    // Sums of two tried factors at a time, so that one's additions do not wait for one another alone.
    private static (Vector256<float> Product, Vector256<float> Square, Vector256<float> SecondProduct, Vector256<float> SecondSquare) Fit(
        ReadOnlySpan<Vector256<float>> terms, int length, Vector256<float> inverse, Vector256<float> secondInverse, int bound)
    {
        Vector256<float> least = Vector256.Create((float)-bound);
        Vector256<float> greatest = Vector256.Create((float)(bound - 1));
        Vector256<float> rounder = Vector256.Create(Rounder);
        Vector256<float> product = Vector256<float>.Zero;
        Vector256<float> square = Vector256<float>.Zero;
        Vector256<float> secondProduct = Vector256<float>.Zero;
        Vector256<float> secondSquare = Vector256<float>.Zero;
        ref Vector256<float> first = ref MemoryMarshal.GetReference(terms);
        nuint end = Lanes.Bytes(length);
        for (nuint offset = 0; offset < end; offset = Lanes.Next(offset))
        {
            Vector256<float> number = Lanes.At(ref first, offset);
            Vector256<float> weight = Lanes.At(ref Unsafe.Add(ref first, MaximumLength), offset);
            Vector256<float> weighted = Lanes.At(ref Unsafe.Add(ref first, 2 * MaximumLength), offset);
            // A finite number over the largest of its block is at most 1: what is rounded is not far beyond the bound, where adding and
            // subtracting 1.5 · 2²³ is rounding half to even.
            Vector256<float> integer = Vector256.MaxNative(least, Vector256.MinNative(greatest, (inverse * number) + rounder - rounder));
            product += weighted * integer;
            square += weight * integer * integer;
            integer = Vector256.MaxNative(least, Vector256.MinNative(greatest, (secondInverse * number) + rounder - rounder));
            secondProduct += weighted * integer;
            secondSquare += weight * integer * integer;
        }
        return (product, square, secondProduct, secondSquare);
    }
}
