using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>What the encoders of the IQ types weigh errors by.</summary>
internal static class Weighting
{
    /// <summary>The sum of squares, added in order.</summary>
    public static float SumOfSquares(ReadOnlySpan<float> values)
    {
        float sum = 0;
        foreach (float value in values)
        {
            sum += value * value;
        }
        return sum;
    }

    /// <summary>The weight of each error: importance · √(variance + x²), so that large numbers matter more.</summary>
    public static void ByImportance(ReadOnlySpan<float> values, ReadOnlySpan<float> importances, float variance, Span<float> weights)
    {
        int index = 0;
        for (; Vector256.IsHardwareAccelerated && index <= weights.Length - 8; index += 8)
        {
            Vector256<float> numbers = Vector256.Create(values[index..]);
            (Vector256.Create(importances[index..]) * Vector256.Sqrt(Vector256.Create(variance) + numbers * numbers)).CopyTo(weights[index..]);
        }
        for (; index < weights.Length; index++)
        {
            weights[index] = importances[index] * MathF.Sqrt(variance + values[index] * values[index]);
        }
    }

    /// <summary>The weight of each error where there are no importances: base + x².</summary>
    public static void BySquare(ReadOnlySpan<float> values, float additional, Span<float> weights)
    {
        for (int index = 0; index < weights.Length; index++)
        {
            weights[index] = additional + values[index] * values[index];
        }
    }
}
