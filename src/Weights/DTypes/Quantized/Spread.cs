namespace Weights.DTypes.Quantized;

/// <summary>How far the numbers of a block reach. What becomes of NaNs is the reference implementation's, too.</summary>
internal static class Spread
{
    /// <summary>The first of the numbers farthest from zero, with its sign; zero if there is none but zeros and NaNs.</summary>
    public static float Farthest(ReadOnlySpan<float> numbers)
    {
        float magnitude = 0;
        float farthest = 0;
        foreach (float number in numbers)
        {
            if (magnitude < Math.Abs(number))
            {
                magnitude = Math.Abs(number);
                farthest = number;
            }
        }
        return farthest;
    }

    /// <summary>The largest magnitude; after a NaN, of what follows it.</summary>
    public static float Magnitude(ReadOnlySpan<float> numbers)
    {
        float largest = 0;
        foreach (float number in numbers)
        {
            // Not Math.Max, which would return a NaN.
            largest = largest > Math.Abs(number) ? largest : Math.Abs(number);
        }
        return largest;
    }

    /// <summary>The least and the greatest of the numbers that are not NaN.</summary>
    public static (float Least, float Greatest) Bounds(ReadOnlySpan<float> numbers)
    {
        float least = float.MaxValue;
        float greatest = float.MinValue;
        foreach (float number in numbers)
        {
            least = number < least ? number : least;
            greatest = number > greatest ? number : greatest;
        }
        return (least, greatest);
    }
}
