using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Weights.IO;

namespace Weights.Formats;

/// <summary>
/// Says what a file is that no format claims: most are downloads that went wrong, and each kind of those has its own remedy.
/// </summary>
internal static class Diagnosis
{
    // Long enough for an error's own words, short enough for one line.
    private const int QuotedCharacters = 120;

    // The first that holds counts.
    private static readonly Symptom[] s_symptoms =
    [
        new(Fault.Corrupt, static input => input.Bytes.Length == 0, static _ => "is empty: nothing was downloaded or copied; get it again"),
        new(Fault.Corrupt, IsPointer, DescribePointer),
        new(Fault.Corrupt, IsZero, static input => $"starts with {input.Head.Length:N0} zero bytes{(input.Bytes.Length == input.Head.Length ? " and has no others" : "")}: space was set aside for it, but it was never filled; get a fresh copy"),
        new(Fault.Unsupported, static input => StartsWith(input, [0x89, (byte)'W', (byte)'P', (byte)'A', (byte)'T', (byte)'C', (byte)'H', (byte)'\n']), static _ => "is a patch, which makes weights of others: 'weights patch BASE PATCH -o OUT' applies it, and --dry-run says what is in it"),
        Compressed("gzip", "gunzip", 0x1F, 0x8B),
        Compressed("xz", "unxz", 0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0),
        Compressed("zstd", "unzstd", 0x28, 0xB5, 0x2F, 0xFD),
        Compressed("bzip2", "bunzip2", (byte)'B', (byte)'Z', (byte)'h'),
        Compressed("lz4", "unlz4", 0x04, 0x22, 0x4D, 0x18),
        Archive("7z", "7z x", (byte)'7', (byte)'z', 0xBC, 0xAF, 0x27, 0x1C),
        Archive("RAR", "unrar x", (byte)'R', (byte)'a', (byte)'r', (byte)'!', 0x1A, 0x07),
        new(Fault.Unsupported, static input => input.Head.Length >= 262 && input.Head[257..].StartsWith("ustar"u8), static _ => Unpack("tar", "tar -xf")),
        new(Fault.Corrupt, static input => StartsWith(input, "PK\x03\x04"u8) && !ZipDirectory.Ends(input.Bytes), static _ => "is a zip archive whose end is missing: the file is truncated; get a fresh copy"),
        new(Fault.Unsupported, static input => StartsWith(input, "PK\x03\x04"u8) || StartsWith(input, "PK\x05\x06"u8), static _ => "is a zip archive, but of no kind that is known here: if there is a weight file in it, unpack it (unzip) and open that"),
        new(Fault.Unsupported, static input => IsSavedModel(input.Head), static _ => "is the graph of a TensorFlow SavedModel, whose weights are in the folder 'variables' beside it; TensorFlow's files are not read here"),
        new(Fault.Unsupported, static input => IsGraphDef(input.Head), static _ => "is a frozen TensorFlow graph (GraphDef); TensorFlow's files are not read here"),
        Program("ELF", 0x7F, (byte)'E', (byte)'L', (byte)'F'),
        Program("Mach-O", 0xCF, 0xFA, 0xED, 0xFE),
        new(Fault.Unsupported, static input => StartsWith(input, "%PDF-"u8), static _ => "is a PDF document, not weights; name the file that holds them"),
        new(Fault.Unsupported, static input => StartsWith(input, [0x89, (byte)'P', (byte)'N', (byte)'G']) || StartsWith(input, [0xFF, 0xD8, 0xFF]), static _ => "is a picture, not weights; name the file that holds them"),
        new(Fault.Corrupt, IsHtml, static input => $"is a web page, not weights{Between(input, "<title", "</title>")}: the address led to a page for people, such as a login or an error; download the file itself"),
        new(Fault.Corrupt, static input => StartsWithWord(input, "<"), static input => $"is XML, not weights{Between(input, "<Message", "</Message>")}: probably a server's error message; download the file again"),
        new(Fault.Corrupt, static input => JsonError(input) is not null, static input => $"is a server's answer, not weights: it says {WeightFileException.Quote(JsonError(input)!)}; download the file again"),
        new(Fault.Unsupported, IsJson, static _ => "is JSON text that describes no weights; name the file that holds them, or the index of its shards"),
        new(Fault.Unsupported, static input => input.Head is [0x80, >= 2 and <= 5, ..], static _ => "is a Python pickle, but of no kind that is known here: save its tensors with a library that makes checkpoints"),
        new(Fault.Unsupported, IsText, static input => $"is a text file, which starts {WeightFileException.Quote(FirstLine(input))}; name the file that holds the weights"),
    ];

    /// <summary>Why nobody claims the file.</summary>
    public static WeightFileException Of(Input input)
    {
        string named = Format.ByExtension(input.Path) is { } format ? $", though its extension is one of {format.Name}'s" : "";
        foreach (Symptom symptom in s_symptoms)
        {
            if (symptom.Shows(input))
            {
                // What has a name of ours and other bytes is damaged, or not what it says.
                return new WeightFileException(named.Length > 0 ? Fault.Corrupt : symptom.Fault, symptom.Describe(input), input.Path);
            }
        }
        string start = Convert.ToHexStringLower(input.Head[..Math.Min(8, input.Head.Length)]);
        // What has a name of ours and bytes that mean nothing is damaged.
        return new WeightFileException(named.Length > 0 ? Fault.Corrupt : Fault.Unsupported, $"is of no kind that is known here ({string.Join(", ", Format.All)}){named}: its {input.Bytes.Length:N0} bytes start with {start}; check where it comes from", input.Path);
    }

    private static Symptom Compressed(string name, string command, params byte[] magic) =>
        new(Fault.Unsupported, input => StartsWith(input, magic), _ => $"is compressed with {name}: decompress it ({command}) and open what comes out");

    private static Symptom Archive(string name, string command, params byte[] magic) =>
        new(Fault.Unsupported, input => StartsWith(input, magic), _ => Unpack(name, command));

    private static Symptom Program(string name, params byte[] magic) =>
        new(Fault.Unsupported, input => StartsWith(input, magic), _ => $"is a program or library ({name}), not weights; name the file that holds them");

    private static string Unpack(string name, string command) => $"is a {name} archive: unpack it ({command}) and open the weight file in it";

    private static bool StartsWith(Input input, ReadOnlySpan<byte> magic) => input.Head.StartsWith(magic);

    // Its version, 1, and the graphs: fields 1 and 2.
    private static bool IsSavedModel(ReadOnlySpan<byte> head) => head.StartsWith((ReadOnlySpan<byte>)[0x08, 0x01, 0x12]);

    // A list of nodes, each of which has a name and an operator first: fields 1 and 2 within field 1.
    private static bool IsGraphDef(ReadOnlySpan<byte> head)
    {
        int inner = head is [0x0A, < 0x80, 0x0A, ..] ? 2 : head is [0x0A, >= 0x80, < 0x80, 0x0A, ..] ? 3 : head is [0x0A, >= 0x80, >= 0x80, < 0x80, 0x0A, ..] ? 4 : -1;
        if (inner < 0 || head.Length < inner + 2 || head[inner + 1] is 0 or >= 0x80)
        {
            return false;
        }
        ReadOnlySpan<byte> rest = head[(inner + 2)..];
        int name = head[inner + 1];
        return rest.Length > name && rest[..name].IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0 && rest[name] == 0x12;
    }

    private static bool IsZero(Input input) => input.Head.IndexOfAnyExcept((byte)0) < 0;

    private static bool IsPointer(Input input) => StartsWith(input, "version https://git-lfs.github.com/spec/"u8);

    private static string DescribePointer(Input input)
    {
        string[] lines = Encoding.UTF8.GetString(input.Head).Split('\n');
        string? size = Array.Find(lines, static line => line.StartsWith("size ", StringComparison.Ordinal))?[5..].Trim();
        string? id = Array.Find(lines, static line => line.StartsWith("oid ", StringComparison.Ordinal))?[4..].Trim();
        string real = long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? $": the real file has {bytes:N0} bytes" : "";
        return $"is a Git LFS pointer{(id is null ? "" : $" to {Printable.Escape(Shortened(id))}")}, not the file itself{real}; run 'git lfs pull' in its repository, or download it";
    }

    // The record at the end of an archive, after which a comment of up to 65,535 bytes may stand.
    private static bool IsHtml(Input input) => StartsWithWord(input, "<!doctype html") || StartsWithWord(input, "<html") || StartsWithWord(input, "<head");

    private static bool IsJson(Input input)
    {
        string text = Text(input).TrimStart();
        return text.Length > 1 && text[0] is '{' or '[' && text.AsSpan(1).TrimStart() is [] or ['"' or '{' or '[' or '}' or ']' or '-' or (>= '0' and <= '9') or 't' or 'f' or 'n', ..];
    }

    // The words in which servers put what went wrong, found without the rest of the document being complete.
    private static string? JsonError(Input input)
    {
        Utf8JsonReader json = new(Encoding.UTF8.GetBytes(Text(input).TrimStart()), isFinalBlock: false, default);
        string? name = null;
        try
        {
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName)
                {
                    name = json.GetString();
                }
                else if (json.TokenType == JsonTokenType.String && json.CurrentDepth <= 2 && name is "error" or "message" or "detail" or "error_description")
                {
                    return json.GetString();
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Then it is no such answer.
        }
        return null;
    }

    private static bool IsText(Input input)
    {
        ReadOnlySpan<byte> head = WholeCharacters(input.Head);
        return Utf8.IsValid(head) && head.IndexOfAnyExcept(s_textBytes) < 0;
    }

    private static readonly SearchValues<byte> s_textBytes = SearchValues.Create([.. Enumerable.Range(0x20, 0xE0).Select(static value => (byte)value).Except([(byte)0x7F]), (byte)'\t', (byte)'\n', (byte)'\r', (byte)'\f']);

    private static string FirstLine(Input input) => Shortened(Text(input).Split('\n', '\r')[0]);

    // What stands in the first element of that name, as ": '…'", or nothing.
    private static string Between(Input input, string open, string close)
    {
        string text = Text(input);
        int start = text.IndexOf(open, StringComparison.OrdinalIgnoreCase);
        start = start < 0 ? -1 : text.IndexOf('>', start) + 1;
        int end = start <= 0 ? -1 : text.IndexOf(close, start, StringComparison.OrdinalIgnoreCase);
        string inner = end < 0 ? "" : Shortened(string.Join(' ', text[start..end].Split(default(char[]), StringSplitOptions.RemoveEmptyEntries)));
        return inner.Length == 0 ? "" : $" ({WeightFileException.Quote(inner)})";
    }

    private static bool StartsWithWord(Input input, string word) => Text(input).AsSpan().TrimStart().StartsWith(word, StringComparison.OrdinalIgnoreCase);

    // The head as text without a byte order mark; empty when it is none.
    private static string Text(Input input)
    {
        ReadOnlySpan<byte> head = WholeCharacters(input.Head);
        return !Utf8.IsValid(head) ? "" : Encoding.UTF8.GetString(head.StartsWith("\uFEFF"u8) ? head[3..] : head);
    }

    // Without the character that the end of the head cuts in two.
    private static ReadOnlySpan<byte> WholeCharacters(ReadOnlySpan<byte> text)
    {
        for (int cut = 1; cut <= Math.Min(3, text.Length); cut++)
        {
            if (Rune.DecodeFromUtf8(text[^cut..], out _, out _) == OperationStatus.NeedMoreData)
            {
                return text[..^cut];
            }
        }
        return text;
    }

    private static string Shortened(string text) => text.Length <= QuotedCharacters ? text : string.Concat(text.AsSpan(0, QuotedCharacters), "…");

    /// <summary>A kind of file, by its first bytes.</summary>
    private sealed record Symptom(Fault Fault, Func<Input, bool> Shows, Func<Input, string> Describe);
}
