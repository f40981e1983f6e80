using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary><see cref="ScaleSearch.Refined"/> of sixteen blocks, two times eight side by side: while a number of the one eight waits for its quotient, the other's goes on.</summary>
internal static class RefinedLanes
{
    /// <summary>The scales.</summary>
    /// <param name="numbers">Vector i has number i of each of the first eight blocks, as many more have those of the second eight.</param>
    /// <param name="bound">The integers are from −bound to bound − 1.</param>
    /// <param name="integers">As many vectors: the integers; those of blocks that are zero are −bound.</param>
    /// <param name="scales">Sixteen scales.</param>
    public static void Run(ReadOnlySpan<Vector256<float>> numbers, int bound, Span<Vector256<float>> integers, Span<float> scales)
    {
        int length = numbers.Length / 2;
        (Vector256<float> product, Vector256<float> square, Vector256<float> isZero) = Start(numbers[..length], bound, integers[..length]);
        (Vector256<float> secondProduct, Vector256<float> secondSquare, Vector256<float> isSecondZero) = Start(numbers[length..], bound, integers[length..]);
        for (int round = 0; round < 5; round++)
        {
            // A block in which a round changes nothing has no changes in the next one either: it waits for the others.
            Vector256<float> changed = Vector256<float>.Zero;
            for (int index = 0; index < length; index++)
            {
                changed |= Improve(numbers[index], bound, ref integers[index], ref product, ref square)
                    | Improve(numbers[length + index], bound, ref integers[length + index], ref secondProduct, ref secondSquare);
            }
            if (changed.ExtractMostSignificantBits() == 0)
            {
                break;
            }
        }
        Finish(product, square, isZero, bound, integers[..length]).CopyTo(scales);
        Finish(secondProduct, secondSquare, isSecondZero, bound, integers[length..]).CopyTo(scales[Lanes.Count..]);
    }

    private static (Vector256<float> Product, Vector256<float> Square, Vector256<float> IsZero) Start(ReadOnlySpan<Vector256<float>> numbers, int bound, Span<Vector256<float>> integers)
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
        return (product, square, Vector256.LessThan(magnitude, Vector256.Create(ScaleSearch.Negligible)));
    }

    private static Vector256<float> Finish(Vector256<float> product, Vector256<float> square, Vector256<float> isZero, int bound, Span<Vector256<float>> integers)
    {
        foreach (ref Vector256<float> integer in integers)
        {
            integer = Vector256.ConditionalSelect(isZero, Vector256.Create((float)-bound), integer);
        }
        return Vector256.AndNot(product / square, isZero) & Vector256.GreaterThan(square, Vector256<float>.Zero);
    }

    // Ones in the lanes whose integer changes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Improve(Vector256<float> number, int bound, ref Vector256<float> integer, ref Vector256<float> product, ref Vector256<float> square)
    {
        Vector256<float> zero = Vector256<float>.Zero;
        Vector256<float> weight = number * number;
        Vector256<float> weighted = weight * number;
        Vector256<float> otherProduct = product - (weighted * integer);
        Vector256<float> otherSquare = square - (weight * integer * integer);
        Vector256<float> isBetter = Vector256.GreaterThan(otherProduct, zero);
        Vector256<float> better = Nearest(number * otherSquare / otherProduct, bound);
        otherProduct += weighted * better;
        otherSquare += weight * better * better;
        isBetter &= ~Vector256.Equals(better, integer) & Vector256.GreaterThan(otherSquare, zero)
            & Vector256.GreaterThan(otherProduct * otherProduct * square, product * product * otherSquare);
        integer = Vector256.ConditionalSelect(isBetter, better, integer);
        product = Vector256.ConditionalSelect(isBetter, otherProduct, product);
        square = Vector256.ConditionalSelect(isBetter, otherSquare, square);
        return isBetter;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Nearest(Vector256<float> value, int bound) => Vector256.ConvertToSingle(Lanes.Clamp(Lanes.Nearest(value), -bound, bound - 1));
}
