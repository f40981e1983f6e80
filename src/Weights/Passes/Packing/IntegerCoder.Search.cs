using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>
/// The search for the scale with which the sum of all squared errors is least. That sum, of doubles, takes a division for each number and step; most scales are told apart by an estimate
/// with bounds, which takes a quarter of the time, and sums are only taken of those of which bounds overlap. What is found is the same.
/// </summary>
internal sealed partial class IntegerCoder
{
    // Ranges smaller by a hundredth each, until so many have brought nothing.
    private const int MostSteps = 60;
    private const int Patience = 10;

    // Scales and numbers with which no square of floats, nor the sum of many, gets too large or too small.
    private const float MostEstimated = 1L << 50;
    private const int EstimatedAtOnce = 1024;

    // Where a quotient is so near to the middle between two codes that it is rounded otherwise than by a division, both errors are about the same: with P codes, quotients are off by
    // 9 P / 2^24 of a step at most, and the square of an error by 24 P / 2^24 of itself and of the square of a step together. Sums of 64 floats are off by less. Twice that is taken.
    private readonly double _uncertainty = Math.ScaleB(1, bits - 18);

    private (float Scale, int ZeroPoint) Search(ReadOnlySpan<float> numbers, NumberRange range)
    {
        bool isEstimated = range.Magnitude <= MostEstimated && NumberRange.AreFinite(numbers);
        (float bestScale, int bestZero) = Fit(range);
        (double leastOfBest, double mostOfBest) = ErrorBounds(numbers, bestScale, bestZero, isEstimated);
        (float lastScale, int lastZero) = (bestScale, bestZero);
        for ((int step, int idle) = (1, 0); step <= MostSteps && idle < Patience; step++, idle++)
        {
            (float scale, int zero) = Fit(range, step);
            if (scale == lastScale && zero == lastZero)
            {
                continue;
            }
            (lastScale, lastZero) = (scale, zero);
            (double least, double most) = ErrorBounds(numbers, scale, zero, isEstimated);
            if (least < mostOfBest && most >= leastOfBest)
            {
                least = most = SquaredError(numbers, scale, zero);
                leastOfBest = mostOfBest = leastOfBest == mostOfBest ? mostOfBest : SquaredError(numbers, bestScale, bestZero);
            }
            if (most < leastOfBest)
            {
                (bestScale, bestZero, leastOfBest, mostOfBest, idle) = (scale, zero, least, most, 0);
            }
        }
        return (bestScale, bestZero);
    }

    // The same for numbers that are read several times, as many steps at once as are tried in vain.
    private (float Scale, int ZeroPoint) Search(NumberRange range, Action<Action<ReadOnlySpan<float>>> read)
    {
        (float Scale, int ZeroPoint) best = Fit(range);
        double least = double.PositiveInfinity;
        for ((int step, int idle) = (0, 0); step <= MostSteps && idle < Patience;)
        {
            (float Scale, int ZeroPoint)[] tried = [.. Enumerable.Range(step, Math.Min(Patience, MostSteps + 1 - step)).Select(next => Fit(range, next))];
            double[] errors = new double[tried.Length];
            read(numbers =>
            {
                for (int index = 0; index < tried.Length; index++)
                {
                    errors[index] += SquaredError(numbers, tried[index].Scale, tried[index].ZeroPoint);
                }
            });
            for (int index = 0; index < tried.Length && idle < Patience; index++, step++, idle++)
            {
                if (errors[index] < least)
                {
                    (least, best, idle) = (errors[index], tried[index], 0);
                }
            }
        }
        return best;
    }

    private (float Scale, int ZeroPoint) Fit(NumberRange range, int step)
    {
        float part = 1 - (step / 100f);
        return Fit(new NumberRange(range.Least * part, range.Greatest * part));
    }

    // What the sum of all squared errors is at least, and at most; anything where it is not estimated.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (double Least, double Most) ErrorBounds(ReadOnlySpan<float> numbers, float scale, int zeroPoint, bool isEstimated)
    {
        if (!isEstimated || scale is not (>= 1 / MostEstimated and <= MostEstimated))
        {
            return (0, double.PositiveInfinity);
        }
        double error = EstimatedError(numbers, scale, zeroPoint);
        double uncertainty = _uncertainty * (((double)scale * scale * numbers.Length) + error);
        return (error - uncertainty, error + uncertainty);
    }

    private double EstimatedError(ReadOnlySpan<float> numbers, float scale, int zeroPoint)
    {
        (Vector256<float> inverse, Vector256<float> factor) = (Vector256.Create(1 / scale), Vector256.Create(-scale));
        (Vector256<float> lowest, Vector256<float> highest) = (Vector256.Create(_lowest - zeroPoint), Vector256.Create(_highest - zeroPoint));
        double sum = 0;
        while (!numbers.IsEmpty)
        {
            ReadOnlySpan<float> part = numbers[..Math.Min(EstimatedAtOnce, numbers.Length)];
            (Vector256<float> even, Vector256<float> odd) = (Vector256<float>.Zero, Vector256<float>.Zero);
            int index = 0;
            for (; index + 16 <= part.Length; index += 16)
            {
                ReadOnlySpan<float> sixteen = part.Slice(index, 16);
                even = AddSquares(Vector256.Create(sixteen), inverse, factor, lowest, highest, even);
                odd = AddSquares(Vector256.Create(sixteen[8..]), inverse, factor, lowest, highest, odd);
            }
            for (; index < part.Length; index++)
            {
                even = AddSquares(Vector256.CreateScalar(part[index]), inverse, factor, lowest, highest, even);
            }
            sum += Vector256.Sum(even + odd);
            numbers = numbers[part.Length..];
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> AddSquares(Vector256<float> numbers, Vector256<float> inverse, Vector256<float> factor, Vector256<float> lowest, Vector256<float> highest, Vector256<float> sum)
    {
        Vector256<float> code = Vector256.MinNative(Vector256.MaxNative(Vector256.Round(numbers * inverse), lowest), highest);
        Vector256<float> difference = Vector256.MultiplyAddEstimate(code, factor, numbers);
        return Vector256.MultiplyAddEstimate(difference, difference, sum);
    }

    // Products of differences are exact, so that it makes no difference whether sums of them are fused.
    private double SquaredError(ReadOnlySpan<float> numbers, float scale, int zeroPoint)
    {
        (Vector256<float> factor, Vector256<float> zero) = (Vector256.Create(scale), Vector256.Create((float)zeroPoint));
        Vector256<double> sum = Vector256<double>.Zero;
        int index = 0;
        for (; index + 8 <= numbers.Length; index += 8)
        {
            (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(Difference(Vector256.Create(numbers.Slice(index, 8)), factor, zero));
            sum += Vector256.MultiplyAddEstimate(lower, lower, upper * upper);
        }
        double rest = 0;
        for (; index < numbers.Length; index++)
        {
            double difference = Difference(Vector256.CreateScalar(numbers[index]), factor, zero)[0];
            rest += difference * difference;
        }
        return Vector256.Sum(sum) + rest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<float> Difference(Vector256<float> numbers, Vector256<float> scale, Vector256<float> zero)
    {
        Vector256<float> finite = NumberRange.Finite(numbers);
        return ((Nearest((finite / scale) + zero) - zero) * scale) - finite;
    }
}
