using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>The levels of blocks of 16 or 32 numbers, one after the other, once their scales are known.</summary>
/// <param name="Length">Numbers in a block.</param>
/// <param name="Least">The least integer.</param>
/// <param name="Greatest">The greatest integer.</param>
internal readonly record struct LevelLanes(int Length, int Least, int Greatest)
{
    /// <summary>The integers nearest to factor · (x − minimum), less the least; zero where the factor is zero.</summary>
    /// <param name="numbers">The blocks, a multiple of 32 numbers.</param>
    /// <param name="factors">One for each block.</param>
    /// <param name="minimums">One for each block.</param>
    /// <param name="levels">As many as numbers.</param>
    public void Scale(ReadOnlySpan<float> numbers, ReadOnlySpan<float> factors, ReadOnlySpan<float> minimums, Span<byte> levels)
    {
        for (int index = 0; index < numbers.Length; index += 32)
        {
            (int first, int second) = (index / Length, (index + 16) / Length);
            Vector256<byte> scaled = new Numbers32(in numbers.Slice(index, 32)[0]).Levels(
                Vector256.Create(factors[first]), Vector256.Create(minimums[first]), Vector256.Create(factors[second]), Vector256.Create(minimums[second]), Least, Greatest);
            (scaled & Mask(factors[first], factors[second])).CopyTo(levels.Slice(index, 32));
        }
    }

    /// <summary>The integers nearest to (x + minimum) / divisor, less the least; where the divisor is zero, levels stay.</summary>
    /// <param name="numbers">The blocks, a multiple of 32 numbers.</param>
    /// <param name="divisors">One for each block.</param>
    /// <param name="minimums">One for each block.</param>
    /// <param name="levels">As many as numbers.</param>
    public void Divide(ReadOnlySpan<float> numbers, ReadOnlySpan<float> divisors, ReadOnlySpan<float> minimums, Span<byte> levels)
    {
        for (int index = 0; index < numbers.Length; index += 32)
        {
            (int first, int second) = (index / Length, (index + 16) / Length);
            Span<byte> target = levels.Slice(index, 32);
            Vector256<byte> divided = new Numbers32(in numbers.Slice(index, 32)[0]).Quotients(
                Vector256.Create(divisors[first]), Vector256.Create(minimums[first]), Vector256.Create(divisors[second]), Vector256.Create(minimums[second]), Least, Greatest);
            Vector256.ConditionalSelect(Mask(divisors[first], divisors[second]), divided, Vector256.Create<byte>(target)).CopyTo(target);
        }
    }

    // Ones where a factor is not zero.
    private static Vector256<byte> Mask(float first, float second) =>
        Vector256.Create(Vector128.Create((byte)(first != 0 ? 0xFF : 0)), Vector128.Create((byte)(second != 0 ? 0xFF : 0)));
}
