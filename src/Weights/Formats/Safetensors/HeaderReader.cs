using System.Runtime.InteropServices;
using System.Text.Json;
using Weights.IO;

namespace Weights.Formats.Safetensors;

/// <summary>
/// Reads the JSON of a header: names of tensors to <c>{"dtype":…,"shape":[…],"data_offsets":[begin,end]}</c>, and
/// <c>__metadata__</c> to an object of strings.
/// </summary>
/// <remarks>
/// Accepts what the reference library's parser accepts, with two exceptions that the format's description is clear about: a name
/// may not occur twice, and a tensor is an object (the library also takes an array). Like it, unknown fields are ignored but must
/// be sound: no numbers beyond double, no unpaired surrogates, no more than 127 levels.
/// </remarks>
internal ref struct HeaderReader
{
    /// <summary>Key of the metadata among the names of tensors.</summary>
    public const string MetadataKey = "__metadata__";

    private const int MaxDepth = 127;

    private readonly long _start;
    private readonly List<HeaderEntry> _entries;
    private readonly HashSet<string> _names;
    private readonly List<ulong> _numbers = [];
    private DType? _lastType;
    private List<KeyValuePair<string, MetadataValue>>? _metadata;
    private bool _hasMetadata;
    private Utf8JsonReader _json;

    /// <summary>Prepares to read a header.</summary>
    /// <param name="json">The header's JSON, which must be valid UTF-8.</param>
    /// <param name="start">Where it stands in the file.</param>
    public HeaderReader(ReadOnlySpan<byte> json, long start)
    {
        const int usualEntryBytes = 128;
        _start = start;
        _entries = new List<HeaderEntry>(json.Length / usualEntryBytes);
        _names = new HashSet<string>(json.Length / usualEntryBytes, StringComparer.Ordinal);
        _json = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
    }

    /// <summary>Reads all of it.</summary>
    /// <returns>The tensors in the header's order, and the metadata.</returns>
    /// <exception cref="WeightFileException">The header is broken, or has a dtype that is not known.</exception>
    public (List<HeaderEntry> Entries, MetadataValue.Map Metadata) Read()
    {
        try
        {
            Next();
            if (_json.TokenType != JsonTokenType.StartObject)
            {
                throw Corrupt("its header is not a JSON object");
            }
            while (Next() == JsonTokenType.PropertyName)
            {
                ReadMember();
            }
            // Another read sees what follows the object; only white space may.
            _json.Read();
        }
        catch (JsonException error)
        {
            string problem = error.Message.Split(" LineNumber:")[0].TrimEnd('.');
            throw new WeightFileException(Fault.Corrupt, $"its header is not valid JSON: {Printable.Escape(problem)}; get a fresh copy", offset: _start + _json.BytesConsumed, inner: error);
        }
        return (_entries, _metadata is null ? MetadataValue.Map.Empty : new MetadataValue.Map(_metadata));
    }

    private void ReadMember()
    {
        long position = Position;
        string name = _json.GetString()!;
        if (name == MetadataKey)
        {
            ReadMetadata();
        }
        else if (!_names.Add(name))
        {
            throw Corrupt("is in the header twice; which of the two is meant cannot be known", name);
        }
        else
        {
            _entries.Add(ReadTensor(name, position));
        }
    }

    private void ReadMetadata()
    {
        if (_hasMetadata)
        {
            throw Corrupt($"its header has {MetadataKey} twice");
        }
        _hasMetadata = true;
        switch (Next())
        {
            case JsonTokenType.Null:
                return;
            case JsonTokenType.StartObject:
                break;
            default:
                throw Corrupt($"its {MetadataKey} is not an object");
        }
        _metadata = [];
        while (Next() == JsonTokenType.PropertyName)
        {
            string key = _json.GetString()!;
            if (Next() != JsonTokenType.String)
            {
                throw Corrupt($"its metadata {WeightFileException.Quote(key)} is not a string");
            }
            _metadata.Add(new(key, new MetadataValue.Text(_json.GetString()!)));
        }
    }

    private HeaderEntry ReadTensor(string name, long position)
    {
        if (Next() != JsonTokenType.StartObject)
        {
            throw Corrupt("is not described by an object", name);
        }
        DType? dtype = null;
        (Shape Held, ulong[]? Unheld)? shape = null;
        (ulong Begin, ulong End)? offsets = null;
        while (Next() == JsonTokenType.PropertyName)
        {
            if (_json.ValueTextEquals("dtype"u8))
            {
                CheckFirst(dtype is null, "dtype", name);
                dtype = ReadDType(name);
            }
            else if (_json.ValueTextEquals("shape"u8))
            {
                CheckFirst(shape is null, "shape", name);
                ReadNumbers("shape", name);
                ReadOnlySpan<ulong> numbers = CollectionsMarshal.AsSpan(_numbers);
                // Numbers beyond 63 bits are negative as long, which no shape takes.
                shape = Shape.TryCreate(MemoryMarshal.Cast<ulong, long>(numbers), out Shape held) ? (held, null) : (default, numbers.ToArray());
            }
            else if (_json.ValueTextEquals("data_offsets"u8))
            {
                CheckFirst(offsets is null, "data_offsets", name);
                ReadNumbers("data_offsets", name);
                offsets = _numbers.Count == 2 ? (_numbers[0], _numbers[1]) : throw Corrupt($"has {_numbers.Count} data_offsets instead of two", name);
            }
            else
            {
                SkipValue();
            }
        }
        string missing = dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets";
        return offsets is { } range && dtype is not null && shape is { } dimensions
            ? new HeaderEntry(name, dtype, dimensions.Held, dimensions.Unheld, range.Begin, range.End, position)
            : throw Corrupt($"has no {missing}", name);
    }

    // A string; the reference library's generated code also takes its other spelling of an enumeration, {"F32":null}.
    private DType ReadDType(string tensor)
    {
        bool isObject = Next() == JsonTokenType.StartObject;
        if (isObject)
        {
            Next();
        }
        if (_json.TokenType != (isObject ? JsonTokenType.PropertyName : JsonTokenType.String))
        {
            throw Corrupt("has a dtype that is not a string", tensor);
        }
        DType dtype = StoredTypes.Find(ref _json, _lastType)
            ?? throw new WeightFileException(Fault.Unsupported, $"has the dtype {WeightFileException.Quote(_json.GetString()!)}, which is none of safetensors'; the file is damaged, or newer than this program", tensor: tensor, offset: Position);
        _lastType = dtype;
        return isObject && (Next() != JsonTokenType.Null || Next() != JsonTokenType.EndObject)
            ? throw Corrupt("has a dtype that is not a string", tensor)
            : dtype;
    }

    // Into _numbers, which is reused: a header may have 100,000 tensors.
    private void ReadNumbers(string field, string tensor)
    {
        _numbers.Clear();
        if (Next() != JsonTokenType.StartArray)
        {
            throw Corrupt($"has a {field} that is not an array", tensor);
        }
        while (Next() != JsonTokenType.EndArray)
        {
            // Written as digits only: the library refuses -0, 4.0 and 4e0 too.
            if (_json.TokenType != JsonTokenType.Number || !_json.TryGetUInt64(out ulong number))
            {
                throw Corrupt($"has a {field} with something in it that is not a whole number from 0 up, of 64 bits", tensor);
            }
            _numbers.Add(number);
        }
    }

    private void SkipValue()
    {
        Next();
        int depth = _json.CurrentDepth;
        CheckNumber();
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            return;
        }
        do
        {
            Next();
            CheckNumber();
        }
        while (_json.CurrentDepth > depth);
    }

    private readonly void CheckNumber()
    {
        if (_json.TokenType == JsonTokenType.Number && !(_json.TryGetDouble(out double number) && double.IsFinite(number)))
        {
            throw Corrupt("its header has a number that is out of range");
        }
    }

    private readonly void CheckFirst(bool isFirst, string field, string tensor)
    {
        if (!isFirst)
        {
            throw Corrupt($"has two fields {field}", tensor);
        }
    }

    private JsonTokenType Next()
    {
        _json.Read();
        if (_json.ValueIsEscaped && !JsonText.HasPairedEscapes(_json.ValueSpan))
        {
            throw Corrupt("its header has a string with half a surrogate pair, which is not text");
        }
        return _json.TokenType;
    }

    private readonly long Position => _start + _json.TokenStartIndex;

    private readonly WeightFileException Corrupt(string problem, string? tensor = null) => new(Fault.Corrupt, problem, tensor: tensor, offset: Position);
}
