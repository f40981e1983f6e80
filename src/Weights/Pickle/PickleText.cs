using System.Text;
using System.Text.Unicode;
using Weights.IO;

namespace Weights.Pickle;

/// <summary>
/// Text, or the byte strings of Python 2, which are text to most of their readers and bytes to some. Long ones stay in the stream
/// until somebody wants them.
/// </summary>
internal sealed class PickleText : PickleNode
{
    private string? _text;

    /// <summary>Text that has been decoded.</summary>
    public PickleText(string text) => _text = text;

    private PickleText(ByteSource encoded, bool isByteString)
    {
        Encoded = encoded;
        IsByteString = isByteString;
    }

    /// <summary>UTF-8 or the bytes of a Python 2 string, if they were kept.</summary>
    public ByteSource? Encoded { get; }

    /// <summary>Whether it is a Python 2 string, whose bytes may mean anything.</summary>
    public bool IsByteString { get; }

    /// <summary>Length in the stream, in bytes; of decoded text, in characters.</summary>
    public long Length => Encoded?.Length ?? _text!.Length;

    public override string Kind => "a string";

    /// <summary>The text. Bytes of a Python 2 string that are no UTF-8 are taken one character each.</summary>
    /// <exception cref="WeightFileException">It is no UTF-8, or longer than <see cref="PickleLimits.Text"/>.</exception>
    public string Text => _text ??= Decode();

    /// <summary>Text of which the bytes were left in the stream.</summary>
    public static PickleText Later(ByteSource utf8) => new(utf8, isByteString: false);

    /// <summary>A Python 2 string; it is kept as it is where it is more than ASCII.</summary>
    public static PickleText ByteString(ByteSource bytes) => new(bytes, isByteString: true);

    /// <summary>Whether it is <paramref name="text"/>, which is short.</summary>
    public bool Is(string text) => _text is not null ? _text == text : Length <= 4L * text.Length && Text == text;

    /// <summary>The bytes that the text stands for when each character is one, as <c>latin1</c> has it; null when one is beyond 255.</summary>
    public ByteSource? ToLatin1()
    {
        if (IsByteString && Encoded is not null)
        {
            return Encoded;
        }
        byte[] bytes = new byte[Text.Length];
        for (int index = 0; index < bytes.Length; index++)
        {
            if (Text[index] > 255)
            {
                return null;
            }
            bytes[index] = (byte)Text[index];
        }
        return new MemoryBytes(bytes);
    }

    /// <summary>UTF-8 as Python's pickles have it: unpaired surrogates pass.</summary>
    /// <returns>Null when it is no UTF-8.</returns>
    public static string? Decode(ReadOnlySpan<byte> utf8)
    {
        if (Utf8.IsValid(utf8))
        {
            return Encoding.UTF8.GetString(utf8);
        }
        // Slow, but never an exception per string: a stream may hold millions of these.
        StringBuilder text = new(utf8.Length);
        while (!utf8.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(utf8, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
            {
                text.Append(rune);
            }
            else if (utf8.Length >= 3 && utf8[0] == 0xED && (utf8[1] & 0xE0) == 0xA0 && (utf8[2] & 0xC0) == 0x80)
            {
                length = 3; // 1110 1101, 10 1xxxxx, 10 xxxxxx: U+D800 to U+DFFF
                text.Append((char)(0xD000 | ((utf8[1] & 0x3F) << 6) | (utf8[2] & 0x3F)));
            }
            else
            {
                return null;
            }
            utf8 = utf8[length..];
        }
        return text.ToString();
    }

    private string Decode()
    {
        ByteSource encoded = Encoded!;
        if (encoded.Length > PickleLimits.Text)
        {
            throw new WeightFileException(Fault.Unsupported, $"the pickle holds a text of {encoded.Length:N0} bytes, more than the {PickleLimits.Text:N0} that are read into memory");
        }
        byte[] bytes = new byte[encoded.Length];
        encoded.Read(0, bytes);
        return Decode(bytes) ?? (IsByteString
            ? Encoding.Latin1.GetString(bytes)
            : throw new WeightFileException(Fault.Corrupt, $"the pickle holds a text of {encoded.Length:N0} bytes that is no UTF-8"));
    }
}
