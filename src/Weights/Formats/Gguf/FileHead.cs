namespace Weights.Formats.Gguf;

/// <summary>What stands before the tensors' bytes.</summary>
internal sealed class FileHead
{
    /// <summary>The key that says to how many bytes tensors are aligned.</summary>
    public const string AlignmentKey = "general.alignment";

    /// <summary>The alignment where no key says another.</summary>
    public const int DefaultAlignment = 32;

    /// <summary>Most bytes of a tensor's name: ggml keeps it with a zero in 64.</summary>
    public const int MaxNameBytes = 63;

    /// <summary>Most dimensions.</summary>
    public const int MaxRank = 4;

    private const int LeastEntryBytes = 8 + 4 + 1;
    private const int LeastTensorBytes = 8 + 4 + 4 + 8;

    private readonly FileCursor _cursor;
    private readonly OrderedDictionary<string, MetadataValue> _metadata = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoredAs> _types = new(StringComparer.Ordinal);
    private readonly List<(string Name, DType DType, Shape Shape, long Offset, long Place)> _tensors = [];

    private FileHead(FileCursor cursor) => _cursor = cursor;

    /// <summary>2 or 3.</summary>
    public int Version { get; private set; }

    /// <summary>Whether numbers, those of tensors too, have their most significant byte first.</summary>
    public bool IsBigEndian => _cursor.IsBigEndian;

    /// <summary>Everything that the file says of itself.</summary>
    public MetadataValue.Map Metadata { get; private set; } = MetadataValue.Map.Empty;

    /// <summary>How each value is stored.</summary>
    public IReadOnlyDictionary<string, StoredAs> Types => _types;

    /// <summary>Reads a file.</summary>
    /// <exception cref="WeightFileException">It is refused.</exception>
    public static (FileHead FileHead, List<Tensor> Tensors) Read(ByteSource file)
    {
        try
        {
            FileHead head = new(new FileCursor(file));
            head.ReadEntries();
            return (head, head.Tensors(file));
        }
        catch (WeightFileException error) when (error.Fault == Fault.Corrupt && ReplacedText.Count(file, 0) is > 0 and var count)
        {
            throw WasText(count, 0, error);
        }
    }

    /// <summary>Of a file without tensors, whether it is padded nevertheless: ggml does that, the Python library does not.</summary>
    public bool IsPadded { get; private set; }

    /// <summary>Bytes at the end of the file that belong to no tensor.</summary>
    public long BytesAfter { get; private set; }

    private static WeightFileException WasText(int count, long offset, Exception? error = null) => new(
        Fault.Corrupt,
        $"was once read as text and written again: the mark for what was no text (U+FFFD) stands in it, {count:N0} times in a few bytes, and what was there is lost; get a fresh copy, as binary",
        offset: offset,
        inner: error);

    private void ReadEntries()
    {
        _cursor.U32(); // The magic, by which the file was recognised.
        ReadVersion();
        long tensors = _cursor.Count("tensors", LeastTensorBytes);
        long entries = _cursor.Count("entries of metadata", LeastEntryBytes);
        for (long index = 0; index < entries; index++)
        {
            long at = _cursor.Position;
            string key = _cursor.Text("a key");
            if (key.Length == 0 || _types.ContainsKey(key))
            {
                throw new WeightFileException(Fault.Corrupt, key.Length == 0 ? "has metadata without a key" : $"has the key {WeightFileException.Quote(key)} twice", offset: at);
            }
            (MetadataValue value, StoredAs type) = ReadValue(key);
            _metadata.Add(key, value);
            _types.Add(key, type);
        }
        Metadata = new MetadataValue.Map(_metadata);
        HashSet<string> names = new(StringComparer.Ordinal);
        for (long index = 0; index < tensors; index++)
        {
            ReadTensor(names);
        }
    }

    private void ReadVersion()
    {
        uint version = _cursor.U32();
        if ((version & 0xFFFF) == 0)
        {
            _cursor.IsBigEndian = true;
            version = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(version);
        }
        Version = version switch
        {
            2 or 3 => (int)version,
            1 => throw new WeightFileException(Fault.Unsupported, "is of version 1 of GGUF, which was in use for some weeks of 2023; convert the original model again", offset: 4),
            _ => throw new WeightFileException(Fault.Unsupported, $"is of version {version} of GGUF; 2 and 3 are known here", offset: 4),
        };
    }

    private (MetadataValue Value, StoredAs Type) ReadValue(string key)
    {
        long at = _cursor.Position;
        ValueType type = ReadType(key);
        if (type != ValueType.Array)
        {
            return (ReadSingle(type), new StoredAs(type));
        }
        ValueType items = ReadType(key);
        if (items == ValueType.Array)
        {
            throw new WeightFileException(Fault.Unsupported, $"has an array of arrays under {WeightFileException.Quote(key)}, which ggml does not read either", offset: at);
        }
        if (items != ValueType.String)
        {
            int wordBytes = NumberList.Bytes(items);
            long count = _cursor.Count($"numbers under {WeightFileException.Quote(key)}", wordBytes);
            return (new MetadataValue.List(new NumberList(_cursor.Words(count, wordBytes), items)), new StoredAs(type, items));
        }
        long strings = _cursor.Count($"strings under {WeightFileException.Quote(key)}", sizeof(ulong));
        List<MetadataValue> values = [];
        for (long index = 0; index < strings; index++)
        {
            values.Add(new MetadataValue.Text(_cursor.Text("a string")));
        }
        return (new MetadataValue.List(values), new StoredAs(type, items));
    }

    private ValueType ReadType(string key)
    {
        long at = _cursor.Position;
        uint number = _cursor.U32();
        return number <= (uint)ValueType.F64
            ? (ValueType)number
            : throw new WeightFileException(Fault.Corrupt, $"has a value of type {number} under {WeightFileException.Quote(key)}; there are types 0 to 12", offset: at);
    }

    private MetadataValue ReadSingle(ValueType type) =>
        type == ValueType.String ? new MetadataValue.Text(_cursor.Text("a string")) : NumberList.Value(_cursor.Words(1, NumberList.Bytes(type)), type);

    private void ReadTensor(HashSet<string> names)
    {
        long at = _cursor.Position;
        string name = _cursor.Text("a tensor's name");
        if (!names.Add(name))
        {
            throw new WeightFileException(Fault.Corrupt, "is there twice", tensor: name, offset: at);
        }
        if (System.Text.Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
        {
            throw new WeightFileException(Fault.Corrupt, $"has a name of more than {MaxNameBytes} bytes, which ggml does not read", tensor: name, offset: at);
        }
        uint rank = _cursor.U32();
        if (rank > MaxRank)
        {
            throw new WeightFileException(Fault.Corrupt, $"has {rank} dimensions; {MaxRank} are the most", tensor: name, offset: at);
        }
        long[] dimensions = new long[rank];
        for (int index = (int)rank - 1; index >= 0; index--)
        {
            ulong size = _cursor.U64();
            dimensions[index] = size <= long.MaxValue ? (long)size : throw new WeightFileException(Fault.Corrupt, $"has a dimension of {size}", tensor: name, offset: at);
        }
        if (!Shape.TryCreate(dimensions, out Shape shape))
        {
            throw new WeightFileException(Fault.Corrupt, $"has the dimensions {string.Join(" x ", dimensions)}, more elements than 63 bits can count", tensor: name, offset: at);
        }
        long place = _cursor.Position;
        DType dtype = TensorTypes.Of(unchecked((int)_cursor.U32()), name, place);
        if (dtype.ByteCount(shape) is null)
        {
            throw new WeightFileException(Fault.Corrupt, $"has shape {shape}, whose rows are not whole blocks of {dtype}, which are {dtype.BlockLength} elements each", tensor: name, offset: at);
        }
        ulong offset = _cursor.U64();
        _tensors.Add((name, dtype, shape, offset <= long.MaxValue ? (long)offset : long.MaxValue, place + sizeof(uint)));
    }

    private List<Tensor> Tensors(ByteSource file)
    {
        long alignment = Alignment();
        List<Tensor> tensors = [];
        if (_tensors.Count == 0)
        {
            IsPadded = file.Length > _cursor.Position;
            return tensors;
        }
        long start = Aligned(_cursor.Position, alignment);
        Int128 next = 0;
        foreach ((string name, DType dtype, Shape shape, long offset, long place) in _tensors)
        {
            if (offset != next)
            {
                throw new WeightFileException(Fault.Corrupt, $"has offset {offset:N0} where the tensors before it end at {next:N0}, aligned to {alignment}; ggml does not read that either", tensor: name, offset: place);
            }
            long bytes = dtype.ByteCount(shape)!.Value;
            if (start + next + bytes > file.Length)
            {
                throw new WeightFileException(Fault.Corrupt, $"ends at byte {start + next + bytes:N0}, but the file has {file.Length:N0}; it was cut off: get a fresh copy", tensor: name, offset: start + (long)Int128.Min(next, file.Length));
            }
            ByteSource stored = file.Slice(start + offset, bytes);
            tensors.Add(new Tensor(name, dtype, shape, IsBigEndian ? BigEndianBlocks.Create(stored, dtype, name) : stored));
            next = (next + bytes + alignment - 1) / alignment * alignment;
        }
        BytesAfter = Math.Max(0, file.Length - start - (long)next);
        return BytesAfter > 0 && ReplacedText.Count(file, start) is > 0 and var count ? throw WasText(count, start) : tensors;
    }

    private long Alignment()
    {
        if (!_types.TryGetValue(AlignmentKey, out StoredAs type))
        {
            return DefaultAlignment;
        }
        long alignment = (Metadata[AlignmentKey] as MetadataValue.Integer)?.Value ?? 0;
        return type.Type == ValueType.U32 && long.IsPow2(alignment)
            ? alignment
            : throw new WeightFileException(Fault.Corrupt, $"has {AlignmentKey} {WeightFileException.Quote(Metadata[AlignmentKey]!.ToText())}, which is no power of two of type U32");
    }

    /// <summary>The least multiple of the alignment that is not below the offset.</summary>
    public static long Aligned(long offset, long alignment) => (offset + alignment - 1) / alignment * alignment;
}
