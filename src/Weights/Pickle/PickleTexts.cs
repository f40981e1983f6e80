namespace Weights.Pickle;

/// <summary>
/// Short strings that came lately, so that one that comes again (a key of every parameter group, a class of every layer) is one object.
/// </summary>
internal sealed class PickleTexts
{
    private const int Places = 1 << 10;

    // In bytes and in characters.
    private const int LongestKept = 32;

    private PickleText?[]? _texts;
    private string?[]? _names;

    /// <summary>The text of UTF-8; null when it is none.</summary>
    public PickleText? Get(ReadOnlySpan<byte> utf8)
    {
        if (!IsKept(utf8))
        {
            return PickleText.Decode(utf8) is { } other ? new PickleText(other) : null;
        }
        // A newcomer takes the place of whoever is there: nothing that a file does makes this slow.
        ref PickleText? kept = ref (_texts ??= new PickleText[Places])[PlaceOf(utf8)];
        if (kept is null || !System.Text.Ascii.Equals(utf8, kept.Text))
        {
            kept = new PickleText(System.Text.Encoding.ASCII.GetString(utf8));
        }
        return kept;
    }

    /// <summary>As <see cref="Get"/>, of what is a name and no value.</summary>
    public string? GetName(ReadOnlySpan<byte> utf8)
    {
        if (!IsKept(utf8))
        {
            return PickleText.Decode(utf8);
        }
        ref string? kept = ref (_names ??= new string[Places])[PlaceOf(utf8)];
        if (kept is null || !System.Text.Ascii.Equals(utf8, kept))
        {
            kept = System.Text.Encoding.ASCII.GetString(utf8);
        }
        return kept;
    }

    private static bool IsKept(ReadOnlySpan<byte> utf8) => utf8.Length <= LongestKept && System.Text.Ascii.IsValid(utf8);

    private static uint PlaceOf(ReadOnlySpan<byte> utf8)
    {
        uint place = (uint)utf8.Length;
        foreach (byte letter in utf8)
        {
            place = unchecked((place * 31) + letter);
        }
        return place % Places;
    }
}
