namespace Weights.DTypes.Quantized;

/// <summary>
/// Scales that make the weighted square error of a block small: a few scales near the obvious one are tried, each with the best factor
/// for the integers that it gives. Sums are added from the first number to the last, which decides their bits.
/// </summary>
internal static class ScaleSearch
{
    /// <summary>Blocks no number of which is as large as this are zero.</summary>
    public const float Negligible = 1e-15f;

    /// <summary>x ≈ scale · (level − bound), where the level is 0 to 2 · bound − 1: integers around zero.</summary>
    /// <param name="numbers">The block.</param>
    /// <param name="weights">How much each number's error counts; its square if there are none.</param>
    /// <param name="bound">The integers are from −bound to bound − 1.</param>
    /// <param name="levels">The integers, plus bound; all zero if the block is.</param>
    /// <returns>The scale.</returns>
    public static float Symmetric(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, int bound, Span<byte> levels)
    {
        float farthest = Spread.Farthest(numbers);
        if (Math.Abs(farthest) < Negligible)
        {
            levels.Clear();
            return 0;
        }
        float inverse = -bound / farthest;
        (float product, float square) = Fit(numbers, weights, inverse, bound);
        float scale = square != 0 ? product / square : 0;
        float best = scale * product;
        for (int step = -9; step <= 9; step++)
        {
            float tried = -(bound + (0.1f * step)) / farthest;
            (product, square) = step != 0 ? Fit(numbers, weights, tried, bound) : default;
            if (square > 0 && product * product > best * square)
            {
                inverse = tried;
                scale = product / square;
                best = scale * product;
            }
        }
        for (int index = 0; index < levels.Length; index++)
        {
            levels[index] = (byte)(bound + Nearest(inverse * numbers[index], bound));
        }
        return scale;
    }

    /// <summary>x ≈ scale · level where no x is negative; tried scales are followed by changes of single levels.</summary>
    /// <param name="numbers">The block.</param>
    /// <param name="weights">How much each number's error counts.</param>
    /// <param name="largest">The largest level.</param>
    /// <param name="levels">The levels.</param>
    /// <returns>The scale.</returns>
    public static float Positive(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, int largest, Span<byte> levels)
    {
        float greatest = 0;
        foreach (float number in numbers)
        {
            greatest = greatest > number ? greatest : number;
        }
        if (greatest < Negligible)
        {
            levels.Clear();
            return 0;
        }
        float inverse = largest / greatest;
        // Only here a level is not kept from exceeding the largest, but cut to a byte.
        float least = SquareError(numbers, weights, inverse, byte.MaxValue);
        for (int step = -4; step <= 4; step++)
        {
            float tried = ((0.1f * step) + largest) / greatest;
            float error = step != 0 ? SquareError(numbers, weights, tried, largest) : float.PositiveInfinity;
            if (error < least)
            {
                least = error;
                inverse = tried;
            }
        }
        float product = 0;
        float square = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            int level = Math.Min(largest, Rounding.Nearest(inverse * numbers[index]));
            levels[index] = unchecked((byte)level);
            product += weights[index] * numbers[index] * level;
            square += weights[index] * level * level;
        }
        for (int round = 0; round < 5 && Improve(numbers, weights, largest, levels, ref product, ref square); round++)
        {
        }
        return square > 0 ? product / square : 0;
    }

    /// <summary>
    /// x ≈ scale · integer, starting from the obvious scale and changing single integers as long as that makes the error, weighted by
    /// the squares of the numbers, smaller.
    /// </summary>
    /// <param name="numbers">The block.</param>
    /// <param name="bound">The integers are from −bound to bound − 1.</param>
    /// <param name="levels">The integers, plus bound; all zero if the block is.</param>
    /// <returns>The scale.</returns>
    public static float Refined(ReadOnlySpan<float> numbers, int bound, Span<byte> levels)
    {
        float farthest = Spread.Farthest(numbers);
        if (Math.Abs(farthest) < Negligible)
        {
            levels.Clear();
            return 0;
        }
        float inverse = -bound / farthest;
        float product = 0;
        float square = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            float number = numbers[index];
            int integer = Nearest(inverse * number, bound);
            levels[index] = (byte)(integer + bound);
            product += number * number * number * integer;
            square += number * number * integer * integer;
        }
        for (int round = 0; round < 5 && Improve(numbers, bound, levels, ref product, ref square); round++)
        {
        }
        return square > 0 ? product / square : 0;
    }

    private static (float Product, float Square) Fit(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float inverse, int bound)
    {
        float product = 0;
        float square = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            float number = numbers[index];
            float weight = weights.IsEmpty ? number * number : weights[index];
            int integer = Nearest(inverse * number, bound);
            product += weight * number * integer;
            square += weight * integer * integer;
        }
        return (product, square);
    }

    private static float SquareError(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float inverse, int largest)
    {
        float scale = 1 / inverse;
        float error = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            int level = Rounding.Nearest(inverse * numbers[index]);
            level = largest == byte.MaxValue ? unchecked((byte)level) : Math.Min(largest, level);
            float difference = numbers[index] - (scale * level);
            error += weights[index] * difference * difference;
        }
        return error;
    }

    private static bool Improve(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, int largest, Span<byte> levels, ref float product, ref float square)
    {
        bool changed = false;
        for (int index = 0; index < numbers.Length; index++)
        {
            float number = numbers[index];
            float weight = weights[index];
            int level = levels[index];
            float otherProduct = product - (weight * number * level);
            float otherSquare = square - (weight * level * level);
            if (otherProduct > 0 && otherSquare > 0)
            {
                int better = Math.Min(largest, Rounding.Nearest(number * otherSquare / otherProduct));
                otherProduct += weight * number * better;
                otherSquare += weight * better * better;
                if (better != level && otherProduct * otherProduct * square > product * product * otherSquare)
                {
                    levels[index] = unchecked((byte)better);
                    product = otherProduct;
                    square = otherSquare;
                    changed = true;
                }
            }
        }
        return changed;
    }

    private static bool Improve(ReadOnlySpan<float> numbers, int bound, Span<byte> levels, ref float product, ref float square)
    {
        bool changed = false;
        for (int index = 0; index < numbers.Length; index++)
        {
            float number = numbers[index];
            float weight = number * number;
            int integer = levels[index] - bound;
            float otherProduct = product - (weight * number * integer);
            if (otherProduct > 0)
            {
                float otherSquare = square - (weight * integer * integer);
                int better = Nearest(number * otherSquare / otherProduct, bound);
                otherProduct += weight * number * better;
                otherSquare += weight * better * better;
                if (better != integer && otherSquare > 0 && otherProduct * otherProduct * square > product * product * otherSquare)
                {
                    levels[index] = (byte)(better + bound);
                    product = otherProduct;
                    square = otherSquare;
                    changed = true;
                }
            }
        }
        return changed;
    }

    private static int Nearest(float value, int bound) => Math.Max(-bound, Math.Min(bound - 1, Rounding.Nearest(value)));
}
