namespace Weights.DTypes.Quantized;

/// <summary>
/// The search for a scale and a minimum: x ≈ scale · level + minimum, the minimum not above zero. Scales near the obvious one are tried,
/// each with the best factor and minimum for the levels that it gives. Sums are added from the first number to the last.
/// </summary>
/// <param name="Largest">The largest level; the least is zero.</param>
/// <param name="First">What the first scale tried has more levels than that.</param>
/// <param name="Step">What each following one has more.</param>
/// <param name="Last">Number of the last one tried, from zero.</param>
/// <param name="Absolute">Whether errors count as they are, instead of squared.</param>
internal readonly record struct AffineSearch(int Largest, float First, float Step, int Last, bool Absolute = false)
{
    /// <summary>The search of all types that is made with importances.</summary>
    public static AffineSearch WithImportances(int largest) => new(largest, -0.9f, 0.05f, 36);

    /// <summary>The scale, the minimum without its sign, and the levels.</summary>
    /// <param name="numbers">The block.</param>
    /// <param name="weights">How much each number's error counts.</param>
    /// <param name="levels">The levels.</param>
    public (float Scale, float Minimum) Run(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, Span<byte> levels)
    {
        float minimum = numbers[0];
        float maximum = numbers[0];
        float weight = weights[0];
        float sum = weights[0] * numbers[0];
        for (int index = 1; index < numbers.Length; index++)
        {
            minimum = numbers[index] < minimum ? numbers[index] : minimum;
            maximum = numbers[index] > maximum ? numbers[index] : maximum;
            weight += weights[index];
            sum += weights[index] * numbers[index];
        }
        minimum = minimum > 0 ? 0 : minimum;
        if (maximum == minimum)
        {
            levels.Clear();
            return (0, -minimum);
        }
        float inverse = Largest / (maximum - minimum);
        float scale = 1 / inverse;
        float least = Error(numbers, weights, inverse, minimum, scale, minimum);
        (float Inverse, float Minimum) kept = (inverse, minimum);
        for (int step = 0; step <= Last; step++)
        {
            inverse = (First + (Step * step) + Largest) / (maximum - minimum);
            (float ofLevels, float ofSquares, float ofProducts) = Sums(numbers, weights, inverse, minimum);
            float determinant = (weight * ofSquares) - (ofLevels * ofLevels);
            if (determinant > 0)
            {
                float thisScale = ((weight * ofProducts) - (sum * ofLevels)) / determinant;
                float thisMinimum = ((ofSquares * sum) - (ofLevels * ofProducts)) / determinant;
                if (thisMinimum > 0)
                {
                    thisMinimum = 0;
                    thisScale = ofProducts / ofSquares;
                }
                float error = Error(numbers, weights, inverse, minimum, thisScale, thisMinimum);
                if (error < least)
                {
                    kept = (inverse, minimum);
                    least = error;
                    scale = thisScale;
                    minimum = thisMinimum;
                }
            }
        }
        for (int index = 0; index < levels.Length; index++)
        {
            levels[index] = (byte)Level(kept.Inverse * (numbers[index] - kept.Minimum));
        }
        return (scale, -minimum);
    }

    private (float Levels, float Squares, float Products) Sums(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float inverse, float minimum)
    {
        float levels = 0;
        float squares = 0;
        float products = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            int level = Level(inverse * (numbers[index] - minimum));
            levels += weights[index] * level;
            squares += weights[index] * level * level;
            products += weights[index] * level * numbers[index];
        }
        return (levels, squares, products);
    }

    // Of the levels that `inverse` and `from` give, as numbers scale · level + minimum.
    private float Error(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float inverse, float from, float scale, float minimum)
    {
        float error = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            float difference = (scale * Level(inverse * (numbers[index] - from))) + minimum - numbers[index];
            error += weights[index] * (Absolute ? Math.Abs(difference) : difference * difference);
        }
        return error;
    }

    private int Level(float value) => Math.Max(0, Math.Min(Largest, Rounding.Nearest(value)));
}
