using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Weights.IO;

/// <summary>
/// JSON strings as the reference libraries write and read them: System.Text.Json escapes more than they do, and hands
/// over unpaired surrogates that they refuse.
/// </summary>
internal static class JsonText
{
    private static readonly SearchValues<char> s_escaped = SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(static unit => (char)unit), '"', '\\']);
    private static readonly SearchValues<char> s_plainAscii = SearchValues.Create([.. Enumerable.Range(0x20, 0x5F).Select(static unit => (char)unit).Except(['"', '\\'])]);

    /// <summary>Whether every surrogate in the text has its partner, so that UTF-8 can hold it.</summary>
    public static bool IsUtf8(string text)
    {
        ReadOnlySpan<char> rest = text;
        while (rest.IndexOfAnyInRange('\uD800', '\uDFFF') is >= 0 and int surrogate)
        {
            rest = rest[surrogate..];
            if (rest.Length < 2 || !char.IsSurrogatePair(rest[0], rest[1]))
            {
                return false;
            }
            rest = rest[2..];
        }
        return true;
    }

    /// <summary>Whether the <c>\u</c> escapes of a JSON string, which is otherwise well-formed, come to whole characters.</summary>
    /// <param name="escaped">The string as it stands in the file, without quotes.</param>
    public static bool HasPairedEscapes(ReadOnlySpan<byte> escaped)
    {
        while (escaped.IndexOf((byte)'\\') is >= 0 and int backslash)
        {
            escaped = escaped[backslash..];
            int unit = Unit(escaped);
            if (unit < 0)
            {
                escaped = escaped[2..];
                continue;
            }
            escaped = escaped[6..];
            if (char.IsHighSurrogate((char)unit) && Unit(escaped) is >= 0 and int partner && char.IsLowSurrogate((char)partner))
            {
                escaped = escaped[6..];
            }
            else if (char.IsSurrogate((char)unit))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Writes the text in quotes; only what JSON demands is escaped, and with <paramref name="asciiOnly"/> all but printable ASCII.</summary>
    /// <remarks>
    /// The first is how serde_json writes (safetensors' headers), the second how Python's json does unless told otherwise
    /// (the Hub's indexes). Hexadecimal digits are lower-case in both.
    /// </remarks>
    public static void WriteQuoted(this IBufferWriter<byte> writer, string text, bool asciiOnly = false)
    {
        writer.Write("\""u8);
        ReadOnlySpan<char> rest = text;
        while (true)
        {
            int special = asciiOnly ? rest.IndexOfAnyExcept(s_plainAscii) : rest.IndexOfAny(s_escaped);
            Encoding.UTF8.GetBytes(special < 0 ? rest : rest[..special], writer);
            if (special < 0)
            {
                break;
            }
            WriteEscape(writer, rest[special]);
            rest = rest[(special + 1)..];
        }
        writer.Write("\""u8);
    }

    /// <summary>Writes the number in decimal digits.</summary>
    public static void WriteDecimal(this IBufferWriter<byte> writer, long value)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(value, digits, out int length);
        writer.Write(digits[..length]);
    }

    private static void WriteEscape(IBufferWriter<byte> writer, char unit)
    {
        ReadOnlySpan<byte> digits = "0123456789abcdef"u8;
        writer.Write(unit switch
        {
            '"' => "\\\""u8,
            '\\' => "\\\\"u8,
            '\b' => "\\b"u8,
            '\f' => "\\f"u8,
            '\n' => "\\n"u8,
            '\r' => "\\r"u8,
            '\t' => "\\t"u8,
            _ => [(byte)'\\', (byte)'u', digits[unit >> 12], digits[(unit >> 8) & 15], digits[(unit >> 4) & 15], digits[unit & 15]],
        });
    }

    // The UTF-16 unit that the text starts with as \uXXXX, or -1 when it starts otherwise.
    private static int Unit(ReadOnlySpan<byte> text) =>
        text.Length >= 6 && text[0] == '\\' && text[1] == 'u' && Utf8Parser.TryParse(text[2..6], out uint unit, out _, 'x') ? (int)unit : -1;
}
