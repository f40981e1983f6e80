using System.Globalization;
using System.Text;

namespace Weights.Cli.Terminal;

/// <summary>How many columns of a terminal text takes.</summary>
internal static class CellWidth
{
    private const string Ellipsis = "…";

    // First and last code points that take two columns: the blocks that Unicode's EastAsianWidth lists as W or F, unassigned gaps inside
    // them included, which nothing here prints.
    private static readonly (int First, int Last)[] s_wide =
    [
        (0x1100, 0x115F), (0x231A, 0x231B), (0x2329, 0x232A), (0x23E9, 0x23EC), (0x2E80, 0x303E), (0x3041, 0x33FF), (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF), (0xA000, 0xA4CF), (0xA960, 0xA97F), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE10, 0xFE19), (0xFE30, 0xFE6F),
        (0xFF00, 0xFF60), (0xFFE0, 0xFFE6), (0x16FE0, 0x18AFF), (0x1B000, 0x1B2FF), (0x1F004, 0x1F004), (0x1F0CF, 0x1F0CF),
        (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F200, 0x1F320), (0x1F32D, 0x1F335), (0x1F337, 0x1F37C), (0x1F37E, 0x1F393),
        (0x1F3A0, 0x1F3CA), (0x1F3CF, 0x1F3D3), (0x1F3E0, 0x1F3F0), (0x1F3F4, 0x1F3F4), (0x1F3F8, 0x1F43E), (0x1F440, 0x1F440),
        (0x1F442, 0x1F4FC), (0x1F4FF, 0x1F53D), (0x1F54B, 0x1F567), (0x1F57A, 0x1F57A), (0x1F595, 0x1F596), (0x1F5A4, 0x1F5A4),
        (0x1F5FB, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F6CC, 0x1F6D7), (0x1F6DC, 0x1F6EC), (0x1F6F4, 0x1F6FC), (0x1F7E0, 0x1F7F0),
        (0x1F900, 0x1F9FF), (0x1FA70, 0x1FAFF), (0x20000, 0x3FFFD),
    ];

    /// <summary>Columns of <paramref name="text"/>, which holds no control characters.</summary>
    public static int Of(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text.Length;
        }
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            width += Of(rune);
        }
        return width;
    }

    /// <summary>The text in at most <paramref name="width"/> columns: where it is longer, its middle gives way to an ellipsis.</summary>
    public static string ShortenMiddle(string text, int width)
    {
        if (Of(text) <= width)
        {
            return text;
        }
        // The end of a name tells more than its start: it gets what is left over.
        string first = First(text, (width - 1) / 2);
        return first + Ellipsis + Last(text, width - 1 - Of(first));
    }

    /// <summary>The text in at most <paramref name="width"/> columns: where it is longer, its end gives way to an ellipsis.</summary>
    public static string ShortenEnd(string text, int width) => Of(text) <= width ? text : First(text, width - 1) + Ellipsis;

    /// <summary>The text in lines of at most <paramref name="width"/> columns, broken at blanks; a longer word stays whole.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            string longer = line.Length == 0 ? word : $"{line} {word}";
            if (CellWidth.Of(longer) > width && line.Length > 0)
            {
                yield return line;
                longer = word;
            }
            line = longer;
        }
        yield return line;
    }

    private static string First(string text, int width)
    {
        int end = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if ((width -= Of(rune)) < 0)
            {
                break;
            }
            end += rune.Utf16SequenceLength;
        }
        return text[..end];
    }

    private static string Last(string text, int width)
    {
        int start = text.Length;
        while (start > 0 && Rune.DecodeLastFromUtf16(text.AsSpan(0, start), out Rune rune, out int length) == System.Buffers.OperationStatus.Done
            && (width -= Of(rune)) >= 0)
        {
            start -= length;
        }
        return text[start..];
    }

    private static int Of(Rune rune) => rune.IsAscii ? 1
        : Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format ? 0
        : IsWide(rune.Value) ? 2
        : 1;

    private static bool IsWide(int value)
    {
        int low = 0;
        int high = s_wide.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (value < s_wide[middle].First)
            {
                high = middle - 1;
            }
            else if (value > s_wide[middle].Last)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }
        return false;
    }
}
