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
        for (int index = 0; index < weights.Length; index++)
        {
            weights[index] = importances[index] * MathF.Sqrt(square + (numbers[index] * numbers[index]));
        }
    }
}
