using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary><see cref="AffineSearch"/> in eight blocks side by side, one to a lane.</summary>
internal ref struct AffineLanes
{
    /// <summary>The scales.</summary>
    public Vector256<float> Scale;

    /// <summary>The minimums, as they are.</summary>
    public Vector256<float> Minimum;

    /// <summary>What gives the levels: x − <see cref="LevelMinimum"/> times <see cref="LevelInverse"/>.</summary>
    public Vector256<float> LevelInverse;

    /// <summary>The minimum for the levels, which is that before the last improvement.</summary>
    public Vector256<float> LevelMinimum;

    private readonly ReadOnlySpan<Vector256<float>> _numbers;
    private readonly ReadOnlySpan<Vector256<float>> _weights;
    private readonly Vector256<int> _largest;
    private readonly bool _absolute;

    private AffineLanes(ReadOnlySpan<Vector256<float>> numbers, ReadOnlySpan<Vector256<float>> weights, AffineSearch search)
    {
        _numbers = numbers;
        _weights = weights[..numbers.Length];
        _largest = Vector256.Create(search.Largest);
        _absolute = search.Absolute;
    }

    /// <summary>Scales, minimums and levels of up to eight blocks of 32 numbers.</summary>
    /// <param name="search">The search.</param>
    /// <param name="numbers">The blocks.</param>
    /// <param name="importances">As many as numbers.</param>
    /// <param name="square">The mean square of the row.</param>
    /// <param name="scales">Eight scales.</param>
    /// <param name="minimums">Eight minimums, as they are.</param>
    /// <param name="levels">Levels of eight blocks.</param>
    [SkipLocalsInit]
    public static void Blocks(AffineSearch search, ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, Span<float> scales, Span<float> minimums, Span<byte> levels)
    {
        Span<float> padding = stackalloc float[2 * 256];
        ReadOnlySpan<float> padded = Lanes.Padded(numbers, padding[..256]);
        Span<Vector256<float>> transposed = stackalloc Vector256<float>[32];
        Span<Vector256<float>> weights = stackalloc Vector256<float>[32];
        Lanes.Transpose(padded, transposed);
        ErrorWeights.WeighLanes(transposed, Lanes.Padded(importances, padding[256..]), square, weights);
        AffineLanes found = Run(search, transposed, weights);
        found.Scale.CopyTo(scales);
        found.Minimum.CopyTo(minimums);
        Span<float> levelInverses = stackalloc float[Lanes.Count];
        Span<float> levelMinimums = stackalloc float[Lanes.Count];
        found.LevelInverse.CopyTo(levelInverses);
        found.LevelMinimum.CopyTo(levelMinimums);
        new LevelLanes(32, 0, search.Largest).Scale(padded, levelInverses, levelMinimums, levels);
    }

    /// <summary>Runs the search.</summary>
    /// <param name="search">Its parameters.</param>
    /// <param name="numbers">Vector i has number i of each block.</param>
    /// <param name="weights">Their weights.</param>
    [SkipLocalsInit]
    public static AffineLanes Run(AffineSearch search, ReadOnlySpan<Vector256<float>> numbers, ReadOnlySpan<Vector256<float>> weights)
    {
        AffineLanes result = new(numbers, weights, search);
        Span<Vector256<float>> levels = (stackalloc Vector256<float>[32])[..numbers.Length];
        Vector256<float> minimum = numbers[0];
        Vector256<float> maximum = numbers[0];
        Vector256<float> weight = weights[0];
        Vector256<float> sum = weights[0] * numbers[0];
        for (int index = 1; index < numbers.Length; index++)
        {
            minimum = Vector256.ConditionalSelect(Vector256.LessThan(numbers[index], minimum), numbers[index], minimum);
            maximum = Vector256.ConditionalSelect(Vector256.GreaterThan(numbers[index], maximum), numbers[index], maximum);
            weight += weights[index];
            sum += weights[index] * numbers[index];
        }
        Vector256<float> zero = Vector256<float>.Zero;
        minimum = Vector256.AndNot(minimum, Vector256.GreaterThan(minimum, zero));
        Vector256<float> isConstant = Vector256.Equals(maximum, minimum);
        Vector256<float> constant = minimum;
        Vector256<float> largest = Vector256.Create((float)search.Largest);
        Vector256<float> inverse = largest / (maximum - minimum);
        Vector256<float> scale = Vector256<float>.One / inverse;
        _ = result.Sums(inverse, minimum, levels);
        Vector256<float> least = result.Error(levels, scale, minimum);
        (result.LevelInverse, result.LevelMinimum) = (inverse, minimum);
        for (int step = 0; step <= search.Last; step++)
        {
            inverse = Vector256.Create(search.First + (search.Step * step) + search.Largest) / (maximum - minimum);
            (Vector256<float> ofLevels, Vector256<float> ofSquares, Vector256<float> ofProducts) = result.Sums(inverse, minimum, levels);
            Vector256<float> determinant = (weight * ofSquares) - (ofLevels * ofLevels);
            Vector256<float> thisScale = ((weight * ofProducts) - (sum * ofLevels)) / determinant;
            Vector256<float> thisMinimum = ((ofSquares * sum) - (ofLevels * ofProducts)) / determinant;
            Vector256<float> isAbove = Vector256.GreaterThan(thisMinimum, zero);
            thisScale = Vector256.ConditionalSelect(isAbove, ofProducts / ofSquares, thisScale);
            thisMinimum = Vector256.AndNot(thisMinimum, isAbove);
            Vector256<float> error = result.Error(levels, thisScale, thisMinimum);
            Vector256<float> better = Vector256.GreaterThan(determinant, zero) & Vector256.LessThan(error, least);
            result.LevelInverse = Vector256.ConditionalSelect(better, inverse, result.LevelInverse);
            result.LevelMinimum = Vector256.ConditionalSelect(better, minimum, result.LevelMinimum);
            least = Vector256.ConditionalSelect(better, error, least);
            scale = Vector256.ConditionalSelect(better, thisScale, scale);
            minimum = Vector256.ConditionalSelect(better, thisMinimum, minimum);
        }
        result.Scale = Vector256.AndNot(scale, isConstant);
        result.Minimum = Vector256.ConditionalSelect(isConstant, constant, minimum);
        result.LevelInverse = Vector256.AndNot(result.LevelInverse, isConstant);
        result.LevelMinimum = Vector256.AndNot(result.LevelMinimum, isConstant);
        return result;
    }

    // Offsets in bytes, the same in three places, which leaves little to the loops but the arithmetic.
    private readonly (Vector256<float> Levels, Vector256<float> Squares, Vector256<float> Products) Sums(Vector256<float> inverse, Vector256<float> minimum, Span<Vector256<float>> levels)
    {
        ref Vector256<float> numbers = ref MemoryMarshal.GetReference(_numbers);
        ref Vector256<float> weights = ref MemoryMarshal.GetReference(_weights);
        ref Vector256<float> target = ref MemoryMarshal.GetReference(levels);
        nuint end = Lanes.Bytes(levels.Length);
        Vector256<int> largest = _largest;
        Vector256<float> ofLevels = Vector256<float>.Zero;
        Vector256<float> ofSquares = Vector256<float>.Zero;
        Vector256<float> ofProducts = Vector256<float>.Zero;
        for (nuint offset = 0; offset < end; offset = Lanes.Next(offset))
        {
            Vector256<float> number = Lanes.At(ref numbers, offset);
            Vector256<int> rounded = Lanes.Nearest(inverse * (number - minimum));
            Vector256<float> level = Vector256.ConvertToSingle(Vector256.Max(Vector256<int>.Zero, Vector256.Min(largest, rounded)));
            Lanes.At(ref target, offset) = level;
            Vector256<float> weighted = Lanes.At(ref weights, offset) * level;
            ofLevels += weighted;
            ofSquares += weighted * level;
            ofProducts += weighted * number;
        }
        return (ofLevels, ofSquares, ofProducts);
    }

    private readonly Vector256<float> Error(Span<Vector256<float>> levels, Vector256<float> scale, Vector256<float> minimum)
    {
        ref Vector256<float> numbers = ref MemoryMarshal.GetReference(_numbers);
        ref Vector256<float> weights = ref MemoryMarshal.GetReference(_weights);
        ref Vector256<float> level = ref MemoryMarshal.GetReference(levels);
        nuint end = Lanes.Bytes(levels.Length);
        Vector256<float> error = Vector256<float>.Zero;
        if (_absolute)
        {
            for (nuint offset = 0; offset < end; offset = Lanes.Next(offset))
            {
                error += Lanes.At(ref weights, offset) * Vector256.Abs((scale * Lanes.At(ref level, offset)) + minimum - Lanes.At(ref numbers, offset));
            }
            return error;
        }
        for (nuint offset = 0; offset < end; offset = Lanes.Next(offset))
        {
            Vector256<float> difference = (scale * Lanes.At(ref level, offset)) + minimum - Lanes.At(ref numbers, offset);
            error += Lanes.At(ref weights, offset) * (difference * difference);
        }
        return error;
    }
}
