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

    /// <summary>The text of UTF-8; null when it is none.</summary>
    public PickleText? Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > LongestKept || !System.Text.Ascii.IsValid(utf8))
        {
            return PickleText.Decode(utf8) is { } other ? new PickleText(other) : null;
        }
        uint place = (uint)utf8.Length;
        foreach (byte letter in utf8)
        {
            place = unchecked((place * 31) + letter);
        }
        // A newcomer takes the place of whoever is there: nothing that a file does makes this slow.
        ref PickleText? kept = ref (_texts ??= new PickleText[Places])[place % Places];
        if (kept is null || !System.Text.Ascii.Equals(utf8, kept.Text))
        {
            kept = new PickleText(System.Text.Encoding.ASCII.GetString(utf8));
        }
        return kept;
    }
}
