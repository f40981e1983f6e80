using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary><see cref="ScaleSearch.Refined"/> of eight blocks side by side, one to a lane.</summary>
internal static class RefinedLanes
{
    /// <summary>The scales.</summary>
    /// <param name="numbers">Vector i has number i of each block.</param>
    /// <param name="bound">The integers are from −bound to bound − 1.</param>
    /// <param name="integers">As many vectors: the integers; those of blocks that are zero are −bound.</param>
    [SkipLocalsInit]
    public static Vector256<float> Run(ReadOnlySpan<Vector256<float>> numbers, int bound, Span<Vector256<float>> integers)
    {
        Vector256<float> magnitude = Vector256<float>.Zero;
        Vector256<float> farthest = Vector256<float>.Zero;
        foreach (Vector256<float> number in numbers)
        {
            Vector256<float> larger = Vector256.GreaterThan(Vector256.Abs(number), magnitude);
            magnitude = Vector256.ConditionalSelect(larger, Vector256.Abs(number), magnitude);
            farthest = Vector256.ConditionalSelect(larger, number, farthest);
        }
        Vector256<float> inverse = Vector256.Create((float)-bound) / farthest;
        Vector256<float> product = Vector256<float>.Zero;
        Vector256<float> square = Vector256<float>.Zero;
        for (int index = 0; index < numbers.Length; index++)
        {
            Vector256<float> number = numbers[index];
            Vector256<float> integer = Nearest(inverse * number, bound);
            integers[index] = integer;
            product += number * number * number * integer;
            square += number * number * integer * integer;
        }
        for (int round = 0; round < 5 && Improve(numbers, bound, integers, ref product, ref square); round++)
        {
        }
        Vector256<float> isZero = Vector256.LessThan(magnitude, Vector256.Create(ScaleSearch.Negligible));
        for (int index = 0; index < integers.Length; index++)
        {
            integers[index] = Vector256.ConditionalSelect(isZero, Vector256.Create((float)-bound), integers[index]);
        }
        return Vector256.AndNot(product / square, isZero) & Vector256.GreaterThan(square, Vector256<float>.Zero);
    }

    // A block in which a round changes nothing has none in the next one either: it waits for the others.
    private static bool Improve(ReadOnlySpan<Vector256<float>> numbers, int bound, Span<Vector256<float>> integers, ref Vector256<float> product, ref Vector256<float> square)
    {
        (Vector256<float> p, Vector256<float> s) = (product, square);
        Vector256<float> zero = Vector256<float>.Zero;
        Vector256<float> changed = zero;
        for (int index = 0; index < numbers.Length; index++)
        {
            Vector256<float> number = numbers[index];
            Vector256<float> weight = number * number;
            Vector256<float> integer = integers[index];
            Vector256<float> otherProduct = p - (weight * number * integer);
            Vector256<float> otherSquare = s - (weight * integer * integer);
            Vector256<float> isBetter = Vector256.GreaterThan(otherProduct, zero);
            Vector256<float> better = Nearest(number * otherSquare / otherProduct, bound);
            otherProduct += weight * number * better;
            otherSquare += weight * better * better;
            isBetter &= ~Vector256.Equals(better, integer) & Vector256.GreaterThan(otherSquare, zero) & Vector256.GreaterThan(otherProduct * otherProduct * s, p * p * otherSquare);
            integers[index] = Vector256.ConditionalSelect(isBetter, better, integer);
            p = Vector256.ConditionalSelect(isBetter, otherProduct, p);
            s = Vector256.ConditionalSelect(isBetter, otherSquare, s);
            changed |= isBetter;
        }
        (product, square) = (p, s);
        return changed.ExtractMostSignificantBits() != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Nearest(Vector256<float> value, int bound) => Vector256.ConvertToSingle(Lanes.Clamp(Lanes.Nearest(value), -bound, bound - 1));
}
