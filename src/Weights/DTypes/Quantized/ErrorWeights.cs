using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>How much the error of each number of a block counts in a search for its scale.</summary>
internal static class ErrorWeights
{
    /// <summary>The sum of squares, added from the first to the last.</summary>
    public static float SumOfSquares(ReadOnlySpan<float> numbers)
    {
        float sum = 0;
        foreach (float number in numbers)
        {
            sum += number * number;
        }
        return sum;
    }

    /// <summary>The sum, added from the first to the last.</summary>
    public static float Sum(ReadOnlySpan<float> weights)
    {
        float sum = 0;
        foreach (float weight in weights)
        {
            sum += weight;
        }
        return sum;
    }

    /// <summary>importance · √(<paramref name="square"/> + x²).</summary>
    /// <param name="numbers">The numbers x of a block.</param>
    /// <param name="importances">As many.</param>
    /// <param name="square">A mean square of the numbers around.</param>
    /// <param name="weights">As many.</param>
    public static void Weigh(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, Span<float> weights)
    {
        int index = 0;
        for (; Vector256.IsHardwareAccelerated && index <= weights.Length - Vector256<float>.Count; index += Vector256<float>.Count)
        {
            Vector256<float> eight = Vector256.Create(numbers[index..]);
            (Vector256.Create(importances[index..]) * Vector256.Sqrt(Vector256.Create(square) + (eight * eight))).CopyTo(weights[index..]);
        }
        for (; index < weights.Length; index++)
        {
            weights[index] = importances[index] * MathF.Sqrt(square + (numbers[index] * numbers[index]));
        }
    }

    /// <summary><paramref name="more"/> + x²: the weights where there are no importances.</summary>
    /// <param name="numbers">The numbers x of a block.</param>
    /// <param name="more">What even a zero has.</param>
    /// <param name="weights">As many.</param>
    public static void WeighBySquare(ReadOnlySpan<float> numbers, float more, Span<float> weights)
    {
        for (int index = 0; index < weights.Length; index++)
        {
            weights[index] = more + (numbers[index] * numbers[index]);
        }
    }

    /// <summary>The weights of eight blocks side by side, as <see cref="Lanes.Transpose"/> arranges them.</summary>
    /// <param name="numbers">The blocks side by side.</param>
    /// <param name="importances">Those of the blocks, one after the other.</param>
    /// <param name="square">A mean square of the numbers around.</param>
    /// <param name="weights">As many vectors as numbers.</param>
    public static void WeighLanes(ReadOnlySpan<Vector256<float>> numbers, ReadOnlySpan<float> importances, float square, Span<Vector256<float>> weights)
    {
        Lanes.Transpose(importances, weights);
        Vector256<float> mean = Vector256.Create(square);
        for (int index = 0; index < weights.Length; index++)
        {
            weights[index] *= Vector256.Sqrt(mean + (numbers[index] * numbers[index]));
        }
    }

    /// <summary>The sums of eight blocks side by side.</summary>
    public static Vector256<float> SumLanes(ReadOnlySpan<Vector256<float>> weights)
    {
        Vector256<float> sum = Vector256<float>.Zero;
        foreach (Vector256<float> weight in weights)
        {
            sum += weight;
        }
        return sum;
    }
}
