using System.Globalization;
using System.Text;

namespace Weights;

/// <summary>Text from files, made safe to show.</summary>
public static class Printable
{
    /// <summary>
    /// Replaces control, format, private and unpaired surrogate characters by escapes such as <c>\n</c> and <c>\u001B</c>,
    /// so that a name can neither move a terminal's cursor nor reorder what is read.
    /// </summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool clean = true;
        foreach (Rune rune in text.EnumerateRunes())
        {
            clean &= IsSafe(rune);
        }
        // EnumerateRunes shows an unpaired surrogate as U+FFFD, which IsSafe takes for the harmless character itself.
        if (clean && !text.Contains('\uFFFD'))
        {
            return text;
        }
        StringBuilder result = new(text.Length + 16);
        for (int index = 0; index < text.Length;)
        {
            if (Rune.TryGetRuneAt(text, index, out Rune rune))
            {
                Append(result, rune);
                index += rune.Utf16SequenceLength;
            }
            else
            {
                result.Append($"\\u{(int)text[index]:X4}");
                index++;
            }
        }
        return result.ToString();
    }

    /// <summary>Whether a character can be shown as it is.</summary>
    public static bool IsSafe(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    private static void Append(StringBuilder result, Rune rune)
    {
        _ = rune.Value switch
        {
            _ when IsSafe(rune) => result.Append(rune.ToString()),
            '\n' => result.Append("\\n"),
            '\r' => result.Append("\\r"),
            '\t' => result.Append("\\t"),
            < 0x10000 => result.Append($"\\u{rune.Value:X4}"),
            _ => result.Append($"\\U{rune.Value:X8}"),
        };
    }
}
