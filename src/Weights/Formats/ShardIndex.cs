using System.Buffers;
using System.Text.Json;
using Weights.IO;

namespace Weights.Formats;

/// <summary>
/// The index of a set of shards, a convention of the Hugging Face Hub that several formats share:
/// <c>{"metadata":{"total_size":…},"weight_map":{"tensor name":"file name",…}}</c>.
/// </summary>
internal sealed class ShardIndex
{
    /// <summary>What follows the name of the file that the set would be if it were one.</summary>
    public const string Suffix = ".index.json";

    // As long as the longest header of a safetensors file; the index of 100,000 tensors has 8 MB.
    private const int MaxBytes = 100_000_000;
    private const int MaxDepth = 64;

    // Enough for the metadata that may stand before the first entry of the map, which tells whose index it is.
    private const int SniffedBytes = 1 << 16;

    private readonly OrderedDictionary<string, string> _files = new(StringComparer.Ordinal);
    private MetadataValue.Map _metadata = MetadataValue.Map.Empty;

    private ShardIndex()
    {
    }

    /// <summary>From names of tensors to names of files, which are only text yet.</summary>
    public IReadOnlyDictionary<string, string> Files => _files;

    /// <summary>What its metadata says beyond sizes.</summary>
    public MetadataValue.Map Metadata => _metadata;

    /// <summary>The file of a folder that stands for the whole: the only index, or without one the only file.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="extensions">What the format's files end in, with the dot.</param>
    public static IReadOnlyList<FolderFile> FindInFolder(Folder folder, IReadOnlyList<string> extensions)
    {
        List<string> found = Ending(Suffix);
        if (found.Count == 0)
        {
            found = Ending("");
        }
        return found is [var only] ? [new FolderFile(folder, only)] : [];

        List<string> Ending(string suffix) => [.. folder.Names.Where(name => extensions.Any(extension => name.EndsWith(extension + suffix, StringComparison.OrdinalIgnoreCase)))];
    }

    /// <summary>Whether the file is an index of shards that end in one of <paramref name="extensions"/>, judged by the first of them, else by its own name.</summary>
    public static bool Sniff(Input input, IReadOnlyList<string> extensions)
    {
        ReadOnlySpan<byte> head = SkipMark(input.Head);
        if (!head.TrimStart(" \t\r\n"u8).StartsWith("{"u8))
        {
            return false;
        }
        string? first = FirstFile(head);
        if (first is null && input.Bytes.Length > head.Length)
        {
            byte[] more = new byte[Math.Min(SniffedBytes, input.Bytes.Length)];
            input.Bytes.Read(0, more);
            first = FirstFile(SkipMark(more));
        }
        return extensions.Any(extension => first?.EndsWith(extension, StringComparison.OrdinalIgnoreCase) == true
            || input.FileName.EndsWith(extension + Suffix, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Reads an index.</summary>
    /// <remarks>
    /// <c>total_size</c> is not compared with anything: writers disagree about tensors that share storage and about quantised ones, so that
    /// it is wrong in many files that are fine. Each shard is checked by itself, which finds what is missing to the byte.
    /// </remarks>
    /// <exception cref="WeightFileException">It is no sound index.</exception>
    public static ShardIndex Read(ByteSource file)
    {
        if (file.Length > MaxBytes)
        {
            throw new WeightFileException(Fault.Unsupported, $"is an index of {file.Length:N0} bytes; {MaxBytes:N0} are the most that are read");
        }
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        int mark = bytes.Length - SkipMark(bytes).Length;
        Utf8JsonReader json = new(bytes.AsSpan(mark), new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            ShardIndex index = new();
            index.Read(ref json);
            return index;
        }
        catch (JsonException error)
        {
            string problem = error.Message.Split(" LineNumber:")[0].TrimEnd('.');
            throw Corrupt($"is not valid JSON: {Printable.Escape(problem)}; get a fresh copy", mark + json.BytesConsumed, error);
        }
        catch (InvalidOperationException error)
        {
            // What the reader throws for strings that are not text: half a surrogate pair, or not UTF-8.
            throw Corrupt("has a string that is not text", mark + json.TokenStartIndex, error);
        }
    }

    /// <summary>The text of an index as the Hub's libraries write it: two spaces, sorted names, ASCII, a line break at the end.</summary>
    public static byte[] Text(long totalSize, IEnumerable<(string Tensor, string File)> files)
    {
        ArrayBufferWriter<byte> text = new(4096);
        text.Write("{\n  \"metadata\": {\n    \"total_size\": "u8);
        text.WriteDecimal(totalSize);
        text.Write("\n  },\n  \"weight_map\": {"u8);
        bool any = false;
        foreach ((string tensor, string file) in files.OrderBy(static pair => pair.Tensor, CodePointOrder.Instance))
        {
            text.Write(any ? ",\n    "u8 : "\n    "u8);
            text.WriteQuoted(tensor, asciiOnly: true);
            text.Write(": "u8);
            text.WriteQuoted(file, asciiOnly: true);
            any = true;
        }
        text.Write(any ? "\n  }\n}\n"u8 : "}\n}\n"u8);
        return text.WrittenSpan.ToArray();
    }

    private void Read(ref Utf8JsonReader json)
    {
        bool hasMap = false;
        Expect(json.Read() && json.TokenType == JsonTokenType.StartObject, "is not an index: it is not a JSON object", json);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("weight_map"u8))
            {
                Expect(!hasMap, "has weight_map twice", json);
                hasMap = true;
                ReadMap(ref json);
            }
            else if (json.ValueTextEquals("metadata"u8))
            {
                ReadMetadata(ref json);
            }
            else
            {
                json.Skip();
            }
        }
        Expect(hasMap, "is not an index of shards: it has no weight_map", json);
        json.Read(); // Sees what follows; only white space may.
    }

    private void ReadMap(ref Utf8JsonReader json)
    {
        Expect(json.Read() && json.TokenType == JsonTokenType.StartObject, "has a weight_map that is not an object", json);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string tensor = json.GetString()!;
            json.Read();
            string file = json.TokenType == JsonTokenType.String ? json.GetString()! : "";
            if (file.Length == 0)
            {
                throw new WeightFileException(Fault.Corrupt, "its file in the index is no name", tensor: tensor, offset: json.TokenStartIndex);
            }
            if (!_files.TryAdd(tensor, file))
            {
                throw new WeightFileException(Fault.Corrupt, "is in the index twice", tensor: tensor, offset: json.TokenStartIndex);
            }
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return;
        }
        List<KeyValuePair<string, MetadataValue>> entries = [];
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            string key = json.GetString()!;
            json.Read();
            if (json.TokenType == JsonTokenType.String && key is not ("total_size" or "total_parameters"))
            {
                entries.Add(new(key, new MetadataValue.Text(json.GetString()!)));
            }
            json.Skip();
        }
        _metadata = new MetadataValue.Map(entries);
    }

    // The first file that the map names, or null when the text does not get so far.
    private static string? FirstFile(ReadOnlySpan<byte> text)
    {
        Utf8JsonReader json = new(text, isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { MaxDepth = MaxDepth }));
        try
        {
            bool inMap = false;
            while (json.Read())
            {
                if (json.CurrentDepth == 1 && json.TokenType == JsonTokenType.PropertyName)
                {
                    inMap = json.ValueTextEquals("weight_map"u8);
                }
                else if (inMap && json.CurrentDepth == 2 && json.TokenType == JsonTokenType.String)
                {
                    return json.GetString();
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Not JSON, or not text: then it is nobody's index.
        }
        return null;
    }

    private static ReadOnlySpan<byte> SkipMark(ReadOnlySpan<byte> text) => text.StartsWith("\uFEFF"u8) ? text[3..] : text;

    private static void Expect(bool holds, string problem, in Utf8JsonReader json)
    {
        if (!holds)
        {
            throw Corrupt(problem, json.TokenStartIndex);
        }
    }

    private static WeightFileException Corrupt(string problem, long offset, Exception? inner = null) => new(Fault.Corrupt, problem, offset: offset, inner: inner);
}
