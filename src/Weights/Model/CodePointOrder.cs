namespace Weights;

/// <summary>
/// Order of text by code point, which is that of its UTF-8 bytes and the one that Rust and Python sort by. Ordinal
/// comparison in .NET is by UTF-16 unit: it puts U+FF5E after an emoji, whose first unit is 0xD83D.
/// </summary>
internal sealed class CodePointOrder : IComparer<string>
{
    private CodePointOrder()
    {
    }

    /// <summary>The one order.</summary>
    public static CodePointOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        int common = x.AsSpan().CommonPrefixLength(y);
        if (x is null || y is null || common == x.Length || common == y.Length)
        {
            return string.CompareOrdinal(x, y);
        }
        (char left, char right) = (x[common], y[common]);
        // Of two different units, a surrogate belongs to the larger code point unless both are surrogates.
        return char.IsSurrogate(left) == char.IsSurrogate(right) ? left - right : char.IsSurrogate(left) ? 1 : -1;
    }
}
