namespace Weights.Formats;

/// <summary>
/// The trace of a binary file that some tool read as UTF-8 text and wrote again: every byte that was no text became U+FFFD,
/// and no byte above 0x7F is left that is not part of a character.
/// </summary>
internal static class ReplacedText
{
    private const int LookedAt = 64 << 10;

    private static readonly byte[] s_continuations = [.. Enumerable.Range(0x80, 0x40).Select(static value => (byte)value)];

    // A file may be about the mark itself; a vocabulary has it a few times.
    private const int Least = 4;

    /// <summary>How often the mark stands in the first bytes from <paramref name="offset"/> on, of a file in which it must have replaced others; 0 for any other file.</summary>
    public static int Count(ByteSource file, long offset)
    {
        ArgumentNullException.ThrowIfNull(file);
        byte[] bytes = new byte[Math.Min(LookedAt, file.Length - offset)];
        file.Read(offset, bytes);
        ReadOnlySpan<byte> whole = bytes;
        int count = whole.Count("\uFFFD"u8);
        // The first character may be cut in two, too.
        whole = whole.TrimStart(s_continuations);
        for (int cut = 0; cut < Math.Min(4, whole.Length); cut++)
        {
            // The last character may be cut in two.
            if (System.Text.Unicode.Utf8.IsValid(whole[..^cut]))
            {
                return count >= Least ? count : 0;
            }
        }
        return 0;
    }
}
