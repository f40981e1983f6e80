using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Weights.Passes.Checksums;

/// <summary>A file and the digest that somebody wrote down for it.</summary>
/// <param name="Name">Its path, with slashes, relative to the folder that the list is about.</param>
/// <param name="Digest">The digest.</param>
/// <param name="Bytes">Its length; null where the list does not say.</param>
public sealed record ListedFile(string Name, byte[] Digest, long? Bytes);

/// <summary>Files and their digests: what <c>sha256sum</c> prints, or the manifest of an artifact of Weights &amp; Biases (MD5).</summary>
/// <param name="Algorithm">How the files were digested: SHA-256 or MD5.</param>
/// <param name="Files">The files.</param>
public sealed record FileList(HashAlgorithmName Algorithm, IReadOnlyList<ListedFile> Files)
{
    /// <summary>Whether the list has every file of its folder.</summary>
    public bool IsComplete { get; private init; }

    private const string Tag = "SHA256 (";

    /// <summary>Reads <c>digest  name</c>, <c>digest *name</c> and <c>SHA256 (name) = digest</c>; lines that begin with a backslash have <c>\n</c>, <c>\r</c> and <c>\\</c> in their names.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: a line is none of these.</exception>
    public static FileList ParseSha256Sum(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<ListedFile> files = [];
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string rest = line.TrimEnd('\r');
            if (rest.Length == 0 || rest[0] == '#')
            {
                continue;
            }
            bool isEscaped = rest.StartsWith('\\');
            rest = isEscaped ? rest[1..] : rest;
            (string digits, string name) = rest.StartsWith(Tag, StringComparison.Ordinal) && rest.LastIndexOf(") = ", StringComparison.Ordinal) is > 0 and int end
                ? (rest[(end + 4)..], rest[Tag.Length..end])
                : rest.Length > 66 && rest[64] == ' ' && rest[65] is ' ' or '*' ? (rest[..64], rest[66..]) : ("", "");
            if (digits.Length != 64 || !digits.All(char.IsAsciiHexDigit) || name.Length == 0)
            {
                throw new WeightFileException(Fault.Corrupt, $"line {number:N0} is none that sha256sum prints; the list is damaged or of another kind");
            }
            files.Add(new ListedFile(isEscaped ? Unescaped(name) : name, Convert.FromHexString(digits), null));
        }
        return new FileList(HashAlgorithmName.SHA256, files);
    }

    private static string Unescaped(string name)
    {
        StringBuilder text = new();
        for (int index = 0; index < name.Length; index++)
        {
            bool isEscape = name[index] == '\\' && index + 1 < name.Length;
            index += isEscape ? 1 : 0;
            text.Append(!isEscape ? name[index] : name[index] switch { 'n' => '\n', 'r' => '\r', var other => other });
        }
        return text.ToString();
    }

    /// <summary>Reads the manifest of an artifact: <c>{"contents": {path: {"digest": base64 of the MD5, "size": bytes}}}</c>.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it is none.</exception>
    public static FileList ParseWandb(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return new FileList(
                HashAlgorithmName.MD5,
                [.. document.RootElement.GetProperty("contents").EnumerateObject().Select(static entry => new ListedFile(
                    entry.Name,
                    Md5(entry.Name, entry.Value.GetProperty("digest").GetString()),
                    entry.Value.TryGetProperty("size", out JsonElement size) ? size.GetInt64() : null))])
            {
                IsComplete = true,
            };
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new WeightFileException(Fault.Corrupt, "is no manifest of an artifact: its contents are not paths with a digest and a size each; get it again", inner: error);
        }
    }

    // A reference to a bucket has that bucket's tag in place of an MD5.
    private static byte[] Md5(string name, string? base64)
    {
        byte[] bytes = new byte[18];
        return base64 is not null && Convert.TryFromBase64String(base64, bytes, out int written) && written == MD5.HashSizeInBytes
            ? bytes[..written]
            : throw new WeightFileException(Fault.Unsupported, $"has for {WeightFileException.Quote(name)} a digest that is no MD5, as it is for files that are only referred to; verify these where they are");
    }
}
