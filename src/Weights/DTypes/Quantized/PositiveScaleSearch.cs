namespace Weights.DTypes.Quantized;

/// <summary>
/// The scale d ≥ 0 for numbers x ≈ d · q, q an integer of 0 … top, whose weighted square error is about the least. The q are bytes on the way, in the
/// reference implementation as here, so that a negative number's wraps around.
/// </summary>
internal static class PositiveScaleSearch
{
    // Below it a group counts as zeros.
    private const float Negligible = 1e-15f;

    /// <summary>The scale, 0 where the numbers are zeros.</summary>
    public static float Find(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, int top)
    {
        float largest = 0;
        foreach (float number in numbers)
        {
            largest = largest > number ? largest : number;
        }
        if (largest < Negligible)
        {
            return 0;
        }
        Span<byte> quants = stackalloc byte[numbers.Length];
        float inverse = BestOfNine(numbers, weights, top, largest);
        float products = 0;
        float squares = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            int quant = Math.Min(top, Rounding.Nearest(inverse * numbers[index]));
            quants[index] = unchecked((byte)quant);
            products += weights[index] * numbers[index] * quant;
            squares += weights[index] * quant * quant;
        }
        for (int round = 0; round < 5 && Improve(numbers, weights, top, quants, ref products, ref squares); round++)
        {
        }
        return squares > 0 ? products / squares : 0;
    }

    // The inverse scale with the least error, of the one that gives the largest number the top and four on either side.
    private static float BestOfNine(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, int top, float largest)
    {
        float best = top / largest;
        float least = 0;
        float scale = 1 / best;
        for (int index = 0; index < numbers.Length; index++)
        {
            float difference = numbers[index] - scale * unchecked((byte)Rounding.Nearest(best * numbers[index]));
            least += weights[index] * difference * difference;
        }
        for (int trial = -4; trial <= 4; trial++)
        {
            float inverse = (0.1f * trial + top) / largest;
            scale = 1 / inverse;
            float error = 0;
            for (int index = 0; index < numbers.Length; index++)
            {
                float difference = numbers[index] - scale * Math.Min(top, Rounding.Nearest(inverse * numbers[index]));
                error += weights[index] * difference * difference;
            }
            if (trial != 0 && error < least)
            {
                least = error;
                best = inverse;
            }
        }
        return best;
    }

    // Gives each number in turn the integer that is best for the scale that the others have. Whether one changed.
    private static bool Improve(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, int top, Span<byte> quants, ref float products, ref float squares)
    {
        bool changed = false;
        for (int index = 0; index < numbers.Length; index++)
        {
            float weight = weights[index];
            float otherProducts = products - weight * numbers[index] * quants[index];
            float otherSquares = squares - weight * quants[index] * quants[index];
            if (otherProducts > 0 && otherSquares > 0)
            {
                int quant = Math.Min(top, Rounding.Nearest(numbers[index] * otherSquares / otherProducts));
                if (quant != quants[index])
                {
                    otherProducts += weight * numbers[index] * quant;
                    otherSquares += weight * quant * quant;
                    if (otherProducts * otherProducts * squares > products * products * otherSquares)
                    {
                        quants[index] = unchecked((byte)quant);
                        (products, squares) = (otherProducts, otherSquares);
                        changed = true;
                    }
                }
            }
        }
        return changed;
    }
}
