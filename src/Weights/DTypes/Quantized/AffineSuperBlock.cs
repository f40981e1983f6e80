namespace Weights.DTypes.Quantized;

/// <summary>
/// What Q4_K and Q5_K have in common: 256 numbers in eight sub-blocks of 32, each with a scale and a minimum of 6 bits, whose own two
/// scales the super-block has. x = d · scale · level − dMin · minimum.
/// </summary>
internal ref struct AffineSuperBlock
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
        Span<byte> scaleLevels = stackalloc byte[SubBlocks];
        Span<byte> minimumLevels = stackalloc byte[SubBlocks];
        if (importances.IsEmpty)
        {
            block.D = Round(scales, scaleLevels);
            block.DMin = Round(minimums, minimumLevels);
        }
        else
        {
            block.D = Scale.Of(ScaleSearch.Positive(scales, sums, LargestScale, scaleLevels));
            block.DMin = Scale.Of(ScaleSearch.Positive(minimums, sums, LargestScale, minimumLevels));
        }
        block.Scales.Pack(scaleLevels, minimumLevels);
        block.Requantize(numbers, plain.Largest, levels);
        return block;
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
