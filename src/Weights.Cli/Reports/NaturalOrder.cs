namespace Weights.Cli.Reports;

/// <summary>Order in which people count: runs of digits compare as numbers, so that <c>layers.2</c> comes before <c>layers.10</c>.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    private NaturalOrder()
    {
    }

    /// <summary>The order.</summary>
    public static NaturalOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> left = x;
        ReadOnlySpan<char> right = y;
        while (!left.IsEmpty && !right.IsEmpty)
        {
            bool numbers = char.IsAsciiDigit(left[0]) && char.IsAsciiDigit(right[0]);
            int order = numbers ? CompareNumbers(ref left, ref right) : left[0].CompareTo(right[0]);
            if (order != 0)
            {
                return order;
            }
            if (!numbers)
            {
                left = left[1..];
                right = right[1..];
            }
        }
        int lengths = left.Length.CompareTo(right.Length);
        // Numbers equal but for leading zeros, as in "a.01" and "a.1".
        return lengths != 0 ? lengths : string.CompareOrdinal(x, y);
    }

    private static int CompareNumbers(ref ReadOnlySpan<char> left, ref ReadOnlySpan<char> right)
    {
        ReadOnlySpan<char> leftDigits = TakeDigits(ref left).TrimStart('0');
        ReadOnlySpan<char> rightDigits = TakeDigits(ref right).TrimStart('0');
        int lengths = leftDigits.Length.CompareTo(rightDigits.Length);
        return lengths != 0 ? lengths : leftDigits.SequenceCompareTo(rightDigits);
    }

    private static ReadOnlySpan<char> TakeDigits(ref ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> digits = end < 0 ? text : text[..end];
        text = text[digits.Length..];
        return digits;
    }
}
