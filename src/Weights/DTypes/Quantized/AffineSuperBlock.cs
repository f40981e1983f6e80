using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// What Q4_K and Q5_K have in common: 256 numbers in eight sub-blocks of 32, each with a scale and a minimum of 6 bits, whose own two
/// scales the super-block has. x = d · scale · level − dMin · minimum.
/// </summary>
internal struct AffineSuperBlock
{
    public const int Length = 256;
    public const int SubBlocks = 8;
    public const int SubBlock = 32;
    private const int LargestScale = 63;

    /// <summary>The scale of the scales.</summary>
    public Scale D;

    /// <summary>The scale of the minimums.</summary>
    public Scale DMin;

    /// <summary>Scales and minimums.</summary>
    public SixBitScales Scales;

    /// <summary>Encodes one super-block.</summary>
    /// <param name="numbers">256 numbers.</param>
    /// <param name="importances">As many, or none.</param>
    /// <param name="plain">The search that is made without importances.</param>
    /// <param name="levels">The 256 levels.</param>
    public static AffineSuperBlock Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, AffineSearch plain, Span<byte> levels)
    {
        Span<float> scales = stackalloc float[SubBlocks];
        Span<float> minimums = stackalloc float[SubBlocks];
        Span<float> sums = stackalloc float[SubBlocks];
        Search(numbers, importances, plain, scales, minimums, sums, levels);
        AffineSuperBlock block = default;
        block.SetScales(scales, minimums, importances.IsEmpty ? [] : sums);
        block.Requantize(numbers, plain.Largest, levels);
        return block;
    }

    /// <summary>As <see cref="Encode"/>, with vectors.</summary>
    [SkipLocalsInit]
    public static AffineSuperBlock EncodeLanes(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, AffineSearch plain, Span<byte> levels)
    {
        Span<Vector256<float>> transposed = stackalloc Vector256<float>[SubBlock];
        Span<Vector256<float>> weights = stackalloc Vector256<float>[SubBlock];
        Lanes.Transpose(numbers, transposed);
        if (importances.IsEmpty)
        {
            WeighPlainly(transposed, weights);
        }
        else
        {
            ErrorWeights.WeighLanes(transposed, importances, 2 * ErrorWeights.SumOfSquares(numbers) / Length, weights);
        }
        AffineLanes found = AffineLanes.Run(importances.IsEmpty ? plain : AffineSearch.WithImportances(plain.Largest), transposed, weights);
        Span<float> scales = stackalloc float[SubBlocks];
        Span<float> minimums = stackalloc float[SubBlocks];
        Span<float> sums = stackalloc float[SubBlocks];
        found.Scale.CopyTo(scales);
        (-found.Minimum).CopyTo(minimums);
        ErrorWeights.SumLanes(weights).CopyTo(sums);
        AffineSuperBlock block = default;
        block.SetScales(scales, minimums, importances.IsEmpty ? [] : sums);
        (float d, float dMin) = (block.D.Value, block.DMin.Value);
        for (int index = 0; index < SubBlocks; index++)
        {
            (int scale, int minimum) = block.Scales.Of(index);
            (scales[index], minimums[index]) = (d * scale, dMin * minimum);
        }
        LevelLanes lanes = new(SubBlock, 0, plain.Largest);
        if (scales.Contains(0))
        {
            Span<float> levelInverses = stackalloc float[SubBlocks];
            Span<float> levelMinimums = stackalloc float[SubBlocks];
            found.LevelInverse.CopyTo(levelInverses);
            found.LevelMinimum.CopyTo(levelMinimums);
            lanes.Scale(numbers, levelInverses, levelMinimums, levels);
        }
        lanes.Divide(numbers, scales, minimums, levels);
        return block;
    }

    // Without importances: the root of the mean square of the sub-block, plus the magnitude.
    private static void WeighPlainly(ReadOnlySpan<Vector256<float>> numbers, Span<Vector256<float>> weights)
    {
        Vector256<float> squares = Vector256<float>.Zero;
        foreach (Vector256<float> number in numbers)
        {
            squares += number * number;
        }
        Vector256<float> deviation = Vector256.Sqrt(squares / Vector256.Create((float)SubBlock));
        for (int index = 0; index < weights.Length; index++)
        {
            weights[index] = deviation + Vector256.Abs(numbers[index]);
        }
    }

    // Rounds scales and minimums, with the sums of weights so that the weighted error is small.
    private void SetScales(ReadOnlySpan<float> scales, ReadOnlySpan<float> minimums, ReadOnlySpan<float> sums)
    {
        Span<byte> scaleLevels = stackalloc byte[SubBlocks];
        Span<byte> minimumLevels = stackalloc byte[SubBlocks];
        if (sums.IsEmpty)
        {
            D = Round(scales, scaleLevels);
            DMin = Round(minimums, minimumLevels);
        }
        else
        {
            D = Scale.Of(ScaleSearch.Positive(scales, sums, LargestScale, scaleLevels));
            DMin = Scale.Of(ScaleSearch.Positive(minimums, sums, LargestScale, minimumLevels));
        }
        Scales.Pack(scaleLevels, minimumLevels);
    }

    private static void Search(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, AffineSearch plain, Span<float> scales, Span<float> minimums, Span<float> sums, Span<byte> levels)
    {
        Span<float> weights = stackalloc float[SubBlock];
        AffineSearch search = importances.IsEmpty ? plain : AffineSearch.WithImportances(plain.Largest);
        float square = 2 * ErrorWeights.SumOfSquares(numbers) / Length;
        for (int index = 0; index < SubBlocks; index++)
        {
            Range range = (index * SubBlock)..((index + 1) * SubBlock);
            ReadOnlySpan<float> subBlock = numbers[range];
            if (importances.IsEmpty)
            {
                float deviation = MathF.Sqrt(ErrorWeights.SumOfSquares(subBlock) / SubBlock);
                for (int number = 0; number < SubBlock; number++)
                {
                    weights[number] = deviation + Math.Abs(subBlock[number]);
                }
            }
            else
            {
                ErrorWeights.Weigh(subBlock, importances[range], square, weights);
                sums[index] = ErrorWeights.Sum(weights);
            }
            (scales[index], minimums[index]) = search.Run(subBlock, weights, levels[range]);
        }
    }

    // Nearest multiples of 1/63 of the largest.
    private static Scale Round(ReadOnlySpan<float> values, Span<byte> levels)
    {
        float largest = 0;
        foreach (float value in values)
        {
            largest = value > largest ? value : largest;
        }
        float inverse = largest > 0 ? LargestScale / largest : 0;
        for (int index = 0; index < levels.Length; index++)
        {
            levels[index] = Math.Min((byte)LargestScale, unchecked((byte)Rounding.Nearest(inverse * values[index])));
        }
        return Scale.Of(largest / LargestScale);
    }

    // The levels for the rounded scales, but for those of a scale of zero.
    private readonly void Requantize(ReadOnlySpan<float> numbers, int largest, Span<byte> levels)
    {
        for (int index = 0; index < SubBlocks; index++)
        {
            (int scale, int minimum) = Scales.Of(index);
            float d = D.Value * scale;
            float m = DMin.Value * minimum;
            for (int number = index * SubBlock; d != 0 && number < (index + 1) * SubBlock; number++)
            {
                levels[number] = (byte)Math.Max(0, Math.Min(largest, Rounding.Nearest((numbers[number] + m) / d)));
            }
        }
    }
}
