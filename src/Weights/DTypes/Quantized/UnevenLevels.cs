using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>
/// The sixteen levels of IQ4_NL and IQ4_XS, closer to each other about zero, where weights are more frequent; and the scale with which they fit a group best.
/// </summary>
internal static partial class UnevenLevels
{
    /// <summary>Numbers in a group.</summary>
    public const int GroupLength = 32;

    // So many scales are tried on either side of the one that gives the number of the largest magnitude the lowest level.
    private const int Reach = 7;

    // Below it a group counts as zeros.
    private const float Negligible = 1e-15f;

    /// <summary>The levels.</summary>
    public static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Which level is nearest, the higher one halfway between two; the highest for a NaN.</summary>
    public static int Nearest(float number)
    {
        int nearest = 0;
        while (nearest < 15 && !(number < (Values[nearest] + Values[nearest + 1]) * 0.5f))
        {
            nearest++;
        }
        return nearest;
    }

    /// <summary>What the error of each of a group's numbers counts.</summary>
    public static void Weigh(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float variance, Span<float> weights)
    {
        if (importances.IsEmpty)
        {
            ErrorWeights.WeighBySquare(numbers, 0, weights);
        }
        else
        {
            ErrorWeights.Weigh(numbers, importances, variance, weights);
        }
    }

    /// <summary>The scale for a group: of those tried the one with the least weighted square error, fitted to the levels that it gives.</summary>
    public static float FindScale(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights)
    {
        float largest = 0;
        foreach (float number in numbers)
        {
            largest = Math.Abs(number) > Math.Abs(largest) ? number : largest;
        }
        if (Math.Abs(largest) < Negligible)
        {
            return 0;
        }
        return Avx2.IsSupported ? FindScaleVector(numbers, weights, largest) : FindScaleScalar(numbers, weights, largest);
    }

    /// <summary>As <see cref="FindScale"/>, for a number of the largest magnitude that is not negligible.</summary>
    public static float FindScaleScalar(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float largest)
    {
        (float products, float squares) = Sums(numbers, weights, 1 / (-largest / Values[0]));
        float scale = squares > 0 ? products / squares : 0;
        float best = scale * products;
        for (int trial = -Reach; trial <= Reach; trial++)
        {
            (products, squares) = Sums(numbers, weights, (trial + Values[0]) / largest);
            if (squares > 0 && products * products > best * squares)
            {
                scale = products / squares;
                best = scale * products;
            }
        }
        return scale;
    }

    /// <summary>The levels of a group's numbers, as 4-bit integers: those of the first half in the low bits of each byte.</summary>
    public static void Quantize(ReadOnlySpan<float> numbers, float inverse, Span<byte> quants)
    {
        if (Avx2.IsSupported)
        {
            QuantizeVector(numbers, inverse, quants);
            return;
        }
        QuantizeScalar(numbers, inverse, quants);
    }

    /// <summary>As <see cref="Quantize"/>.</summary>
    public static void QuantizeScalar(ReadOnlySpan<float> numbers, float inverse, Span<byte> quants)
    {
        for (int index = 0; index < quants.Length; index++)
        {
            quants[index] = (byte)(Nearest(inverse * numbers[index]) | Nearest(inverse * numbers[index + quants.Length]) << 4);
        }
    }

    /// <summary>The numbers of a group.</summary>
    public static void Decode(ReadOnlySpan<byte> quants, float scale, Span<float> numbers)
    {
        if (Avx2.IsSupported)
        {
            DecodeVector(quants, scale, numbers);
            return;
        }
        DecodeScalar(quants, scale, numbers);
    }

    /// <summary>As <see cref="Decode"/>.</summary>
    public static void DecodeScalar(ReadOnlySpan<byte> quants, float scale, Span<float> numbers)
    {
        for (int index = 0; index < quants.Length; index++)
        {
            numbers[index] = scale * Values[quants[index] & 15];
            numbers[index + quants.Length] = scale * Values[quants[index] >> 4];
        }
    }

    // Of weight · level · number and weight · level²: their quotient is the best scale for the levels.
    private static (float Products, float Squares) Sums(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float inverse)
    {
        float products = 0;
        float squares = 0;
        for (int index = 0; index < numbers.Length; index++)
        {
            float level = Values[Nearest(inverse * numbers[index])];
            products += weights[index] * level * numbers[index];
            squares += weights[index] * level * level;
        }
        return (products, squares);
    }
}
