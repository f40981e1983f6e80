using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>The ranges of columns of which rows are seen one after the other.</summary>
/// <param name="columns">How many columns.</param>
internal sealed class ColumnRanges(int columns)
{
    private readonly float[] _least = new float[columns];
    private readonly float[] _greatest = new float[columns];

    /// <summary>As before any row.</summary>
    public void Clear()
    {
        _least.AsSpan().Clear();
        _greatest.AsSpan().Clear();
    }

    /// <summary>Sees a row, or a part of one.</summary>
    /// <param name="numbers">Its numbers; those that are not finite do not count.</param>
    /// <param name="column">The column of the first.</param>
    public void See(ReadOnlySpan<float> numbers, int column)
    {
        Span<float> least = _least.AsSpan(column, numbers.Length);
        Span<float> greatest = _greatest.AsSpan(column, numbers.Length);
        ReadOnlySpan<Vector256<float>> vectors = MemoryMarshal.Cast<float, Vector256<float>>(numbers);
        Span<Vector256<float>> leastVectors = MemoryMarshal.Cast<float, Vector256<float>>(least)[..vectors.Length];
        Span<Vector256<float>> greatestVectors = MemoryMarshal.Cast<float, Vector256<float>>(greatest)[..vectors.Length];
        for (int index = 0; index < vectors.Length; index++)
        {
            Vector256<float> finite = NumberRange.Finite(vectors[index]);
            leastVectors[index] = Vector256.MinNative(leastVectors[index], finite);
            greatestVectors[index] = Vector256.MaxNative(greatestVectors[index], finite);
        }
        for (int index = vectors.Length * Vector256<float>.Count; index < numbers.Length; index++)
        {
            if (float.IsFinite(numbers[index]))
            {
                least[index] = Math.Min(least[index], numbers[index]);
                greatest[index] = Math.Max(greatest[index], numbers[index]);
            }
        }
    }

    /// <summary>The range of some columns next to each other.</summary>
    public NumberRange Of(int column, int count)
    {
        // Of both zeros, the sum is that without a sign.
        NumberRange range = new(_least[column] + 0f, _greatest[column] + 0f);
        for (int next = column + 1; next < column + count; next++)
        {
            range = range.With(new NumberRange(_least[next] + 0f, _greatest[next] + 0f));
        }
        return range;
    }
}
