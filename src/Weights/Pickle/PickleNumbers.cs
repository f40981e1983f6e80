using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Weights.Pickle;

/// <summary>Numbers and text as protocol 0 writes them, the way Python reads them.</summary>
internal static class PickleNumbers
{
    private static readonly SearchValues<byte> s_ofNumbers = SearchValues.Create("0123456789.eE+-"u8);

    /// <summary>An integer as Python's <c>int(text, 0)</c> takes it: decimal or 0x, with a sign; its rarer bases are not taken.</summary>
    public static PickleNode? ParseInteger(ReadOnlySpan<byte> text)
    {
        text = Trim(text);
        if (Utf8Parser.TryParse(text, out long small, out int used) && used == text.Length)
        {
            return PickleInteger.Of(small);
        }
        string number = Encoding.Latin1.GetString(text);
        bool negative = number.StartsWith('-');
        string digits = number.TrimStart('+', '-');
        bool isHex = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        // The leading 0 keeps a hexadecimal number from being taken for a negative one.
        bool isNumber = isHex
            ? BigInteger.TryParse("0" + digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out BigInteger value)
            : BigInteger.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        return isNumber ? Of(negative ? -value : value) : null;
    }

    /// <summary>A float as Python's <c>float(text)</c> takes it.</summary>
    public static double? ParseFloat(ReadOnlySpan<byte> text)
    {
        text = Trim(text);
        if (!text.ContainsAnyExcept(s_ofNumbers))
        {
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double plain) ? plain : null;
        }
        string number = Encoding.Latin1.GetString(text);
        string unsigned = number.TrimStart('+', '-').ToLowerInvariant();
        double? special = unsigned switch
        {
            "inf" or "infinity" => number.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity,
            "nan" => double.NaN,
            _ => null,
        };
        return special ?? (double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null);
    }

    /// <summary>Two's complement, little-endian, of any length; no bytes are 0.</summary>
    public static PickleNode FromTwosComplement(ReadOnlySpan<byte> bytes) => Of(new BigInteger(bytes));

    /// <summary>The bytes of a Python string literal without its quotes.</summary>
    /// <returns>Null when an escape is cut off.</returns>
    public static byte[]? UnescapeBytes(ReadOnlySpan<byte> text)
    {
        List<byte> bytes = new(text.Length);
        for (int index = 0; index < text.Length;)
        {
            byte next = text[index++];
            if (next != '\\')
            {
                bytes.Add(next);
                continue;
            }
            if (index == text.Length)
            {
                return null;
            }
            byte escape = text[index++];
            if (escape == 'x')
            {
                if (text.Length - index < 2 || !Utf8Parser.TryParse(text.Slice(index, 2), out byte value, out int used, 'x') || used != 2)
                {
                    return null;
                }
                bytes.Add(value);
                index += 2;
            }
            else if (escape is >= (byte)'0' and <= (byte)'7')
            {
                int value = escape - '0';
                for (int digit = 1; digit < 3 && index < text.Length && text[index] is >= (byte)'0' and <= (byte)'7'; digit++)
                {
                    value = (value * 8) + text[index++] - '0';
                }
                bytes.Add((byte)(value & 0xFF));
            }
            else
            {
                AddSimpleEscape(bytes, escape);
            }
        }
        return [.. bytes];
    }

    /// <summary>Text in which <c>\u</c> and <c>\U</c> after an odd number of backslashes are code points, all else being Latin-1.</summary>
    /// <returns>Null when an escape is cut off or names no code point.</returns>
    public static string? UnescapeUnicode(ReadOnlySpan<byte> text)
    {
        StringBuilder result = new(text.Length);
        for (int index = 0; index < text.Length;)
        {
            byte next = text[index++];
            if (next != '\\' || index == text.Length || text[index] is not ((byte)'u' or (byte)'U'))
            {
                result.Append((char)next);
                if (next == '\\' && index < text.Length && text[index] == '\\')
                {
                    result.Append('\\');
                    index++;
                }
                continue;
            }
            int digits = text[index++] == 'u' ? 4 : 8;
            if (text.Length - index < digits || !Utf8Parser.TryParse(text.Slice(index, digits), out uint value, out int used, 'x') || used != digits || value > 0x10FFFF)
            {
                return null;
            }
            // Unpaired surrogates are kept as they are.
            result.Append(value < 0x10000 ? ((char)value).ToString() : char.ConvertFromUtf32((int)value));
            index += digits;
        }
        return result.ToString();
    }

    /// <summary>The node of an integer of any size.</summary>
    public static PickleNode Of(BigInteger value) => value >= long.MinValue && value <= long.MaxValue ? PickleInteger.Of((long)value) : new PickleBigInteger(value);

    /// <summary>Decimal digits, or hexadecimal ones beyond as many as Python prints: making those takes quadratic time.</summary>
    public static string ToText(BigInteger value)
    {
        const double bitsPerDigit = 3.3219;
        return value.GetBitLength() <= (long)(PickleLimits.Digits * bitsPerDigit)
            ? value.ToString(CultureInfo.InvariantCulture)
            : (value.Sign < 0 ? "-0x" : "0x") + BigInteger.Abs(value).ToString("x", CultureInfo.InvariantCulture).TrimStart('0');
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => text.Trim(" \t\r\n\v\f"u8);

    private static void AddSimpleEscape(List<byte> bytes, byte escape)
    {
        int value = escape switch
        {
            (byte)'\\' or (byte)'\'' or (byte)'"' => escape,
            (byte)'a' => 7,
            (byte)'b' => 8,
            (byte)'t' => 9,
            (byte)'n' => 10,
            (byte)'v' => 11,
            (byte)'f' => 12,
            (byte)'r' => 13,
            (byte)'\n' => -1, // a line that continues
            _ => -2,
        };
        if (value >= 0)
        {
            bytes.Add((byte)value);
        }
        else if (value == -2)
        {
            bytes.Add((byte)'\\');
            bytes.Add(escape);
        }
    }
}
