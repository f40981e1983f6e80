using Weights.Formats.PyTorch.Recipes;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Distributed;

/// <summary>A box of a tensor, as the metadata lists it.</summary>
internal readonly record struct ChunkBox(long[] Offsets, long[] Sizes);

/// <summary>Where an item is: bytes of a file beside the metadata.</summary>
/// <param name="File">Its name.</param>
/// <param name="Offset">Where the item begins.</param>
/// <param name="Length">How many bytes it has.</param>
/// <param name="Transform">What was done to its bytes when they were written, such as a compression; null for nothing.</param>
internal sealed record ItemPlace(string File, long Offset, long Length, string? Transform);

/// <summary>An entry of the flattened state dict: a tensor in chunks, or any other value.</summary>
/// <param name="Name">Its keys, joined by dots.</param>
/// <param name="DType">Name of a tensor's dtype; null for any other value.</param>
/// <param name="Size">A tensor's dimensions.</param>
/// <param name="Chunks">A tensor's boxes.</param>
internal sealed record DistributedEntry(string Name, string? DType, long[] Size, IReadOnlyList<ChunkBox> Chunks);

/// <summary>
/// What <c>.metadata</c> says: a pickle of torch's <c>Metadata</c>, whose <c>state_dict_metadata</c> lists the entries, whose
/// <c>storage_data</c> says where each chunk is, and whose <c>planner_data</c> has the keys from which the entries' names were joined.
/// </summary>
internal sealed class DistributedMetadata
{
    private const string Advice = "the file is damaged, or of a version of torch that is not known; get a fresh copy";

    // All that torch puts into such a file; anything else is not called either, but said.
    private static readonly string[] s_classes =
    [
        "Metadata", "TensorStorageMetadata", "BytesStorageMetadata", "ChunkStorageMetadata", "TensorProperties", "_MEM_FORMAT_ENCODING", "MEM_FORMAT_ENCODING",
        "MetadataIndex", "_StorageInfo", "StorageMeta",
    ];

    private readonly TorchRecipes _recipes = new(NoStorages.Instance);
    private readonly List<DistributedEntry> _entries = [];
    private readonly Dictionary<string, PickleTuple> _paths = new(StringComparer.Ordinal);
    private readonly Dictionary<ItemKey, ItemPlace> _items = [];

    private DistributedMetadata(PickleNode root)
    {
        PickleDict metadata = Attributes(root, "Metadata");
        foreach ((PickleNode name, PickleNode value) in Dict(metadata, "state_dict_metadata").Items)
        {
            _entries.Add(Entry(Text(name, "the name of an entry"), _recipes.Resolve(value)));
        }
        if (_recipes.Resolve(metadata.Find("planner_data") ?? PickleNone.Value) is PickleDict paths)
        {
            foreach ((PickleNode name, PickleNode path) in paths.Items)
            {
                if (name is PickleText key && _recipes.Sequence(path, 0) is { Count: > 0 } keys)
                {
                    _paths[key.Text] = new PickleTuple([.. keys]);
                }
            }
        }
        // Many items name one file: its name is kept once.
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        foreach ((PickleNode index, PickleNode place) in Dict(metadata, "storage_data").Items)
        {
            PickleDict key = Attributes(index, "MetadataIndex");
            long[]? offsets = key.Find("offset") is { } offset and not PickleNone ? Integers(offset, "the offset of an item") : null;
            ItemPlace item = Place(Attributes(place, "_StorageInfo"));
            if (!files.TryGetValue(item.File, out string? file))
            {
                files.Add(item.File, file = item.File);
            }
            _items[new ItemKey(Text(key.Find("fqn"), "the name of an item"), offsets)] = item with { File = file };
        }
        Files = [.. files.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>Entries, in the order of the state dict.</summary>
    public IReadOnlyList<DistributedEntry> Entries => _entries;

    /// <summary>Names of the files with items, sorted.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Whether a file begins as a pickle of that class does.</summary>
    public static bool Sniff(ReadOnlySpan<byte> head)
    {
        const int longest = 160;
        head = head[..Math.Min(longest, head.Length)];
        return head.StartsWith((byte)0x80) && head.IndexOf("torch.distributed."u8) >= 0 && head.IndexOf("checkpoint.metadata"u8) >= 0 && head.IndexOf("Metadata"u8) >= 0;
    }

    /// <summary>Whether a call makes what torch puts into such a file.</summary>
    public static bool IsExpected(PickleCall call) => TorchRecipes.NameOf(call.Callable) switch
    {
        null => false,
        // With Python below 3.12, how a member of an enumeration is pickled.
        "builtins.getattr" => call.Arguments is PickleTuple { Items: [PickleGlobal type, PickleText] } && IsClass(type.FullName),
        { } name => IsClass(name),
    };

    /// <summary>Reads what a pickle holds.</summary>
    /// <exception cref="WeightFileException">It is something else.</exception>
    public static DistributedMetadata Read(PickleNode root) => new(root);

    /// <summary>The keys that lead to an entry; null where its name is its only key.</summary>
    public PickleTuple? Path(string name) => _paths.GetValueOrDefault(name);

    /// <summary>Where an entry's chunk is, or its value; null when nothing says.</summary>
    public ItemPlace? Find(DistributedEntry entry, long[]? offsets) =>
        _items.GetValueOrDefault(new ItemKey(entry.Name, offsets)) ?? (entry.Chunks.Count <= 1 ? _items.GetValueOrDefault(new ItemKey(entry.Name, null)) : null);

    private static bool IsClass(string name) => name.StartsWith("torch.distributed.", StringComparison.Ordinal) && s_classes.Contains(name[(name.LastIndexOf('.') + 1)..]);

    private DistributedEntry Entry(string name, PickleNode value)
    {
        string className = value is PickleCall call ? TorchRecipes.NameOf(call.Callable) ?? "?" : value.Kind;
        if (className.EndsWith(".BytesStorageMetadata", StringComparison.Ordinal))
        {
            return new DistributedEntry(name, null, [], []);
        }
        if (!className.EndsWith(".TensorStorageMetadata", StringComparison.Ordinal))
        {
            throw new WeightFileException(Fault.Unsupported, $"is described by {WeightFileException.Quote(className)}, which is not read; TensorStorageMetadata and BytesStorageMetadata are", tensor: name);
        }
        PickleDict tensor = Attributes(value, "TensorStorageMetadata");
        if (_recipes.Sequence(tensor.Find("chunks") ?? PickleNone.Value, 0) is not { } chunks)
        {
            throw new WeightFileException(Fault.Corrupt, $"has no list of chunks; {Advice}", tensor: name);
        }
        ChunkBox[] boxes = new ChunkBox[chunks.Count];
        for (int index = 0; index < boxes.Length; index++)
        {
            PickleDict chunk = Attributes(chunks[index], "ChunkStorageMetadata");
            boxes[index] = new ChunkBox(Integers(chunk.Find("offsets"), "the offsets of a chunk"), Integers(chunk.Find("sizes"), "the sizes of a chunk"));
        }
        return new DistributedEntry(name, DTypeName(tensor.Find("properties"), name), Integers(tensor.Find("size"), "the size of a tensor"), boxes);
    }

    // Its state is a tuple that begins with the dtype.
    private string DTypeName(PickleNode? properties, string tensor)
    {
        PickleNode? dtype = properties is not null && _recipes.Resolve(properties) is PickleCall { State: { } state }
            ? _recipes.Resolve(state) switch
            {
                PickleTuple { Items: [var first, ..] } => first,
                PickleDict attributes => attributes.Find("dtype"),
                _ => null,
            }
            : null;
        return (dtype is null ? null : TorchRecipes.NameOf(_recipes.Resolve(dtype)))
            ?? throw new WeightFileException(Fault.Corrupt, $"has properties without a dtype; {Advice}", tensor: tensor);
    }

    private ItemPlace Place(PickleDict info)
    {
        string file = Text(info.Find("relative_path"), "the file of an item");
        if (info.Find("offset") is not PickleInteger { Value: >= 0 } offset || info.Find("length") is not PickleInteger { Value: > 0 } length)
        {
            throw new WeightFileException(Fault.Corrupt, $"an item in {WeightFileException.Quote(file)} has an offset or length that is no number of bytes; {Advice}");
        }
        PickleNode transforms = _recipes.Resolve(info.Find("transform_descriptors") ?? PickleNone.Value);
        string? transform = transforms is PickleNone ? null : _recipes.Sequence(transforms, 0) is { } names
            ? string.Join(", ", names.Select(static name => (name as PickleText)?.Text ?? name.Kind))
            : transforms.Kind;
        return new ItemPlace(file, offset.Value, length.Value, transform?.Length == 0 ? null : transform);
    }

    /// <summary>The attributes of an instance of one of torch's data classes.</summary>
    private PickleDict Attributes(PickleNode node, string className)
    {
        if (_recipes.Resolve(node) is PickleCall call && TorchRecipes.NameOf(call.Callable) is { } name && IsClass(name) && name.EndsWith($".{className}", StringComparison.Ordinal))
        {
            if (call.State is { } state && _recipes.Resolve(state) is PickleDict attributes)
            {
                return attributes;
            }
            throw new WeightFileException(Fault.Corrupt, $"a {className} has no attributes; {Advice}", offset: call.Offset);
        }
        throw new WeightFileException(Fault.Corrupt, $"has {node.Kind} where a {className} of torch should be; {Advice}");
    }

    private PickleDict Dict(PickleDict attributes, string name) =>
        _recipes.Resolve(attributes.Find(name) ?? PickleNone.Value) as PickleDict
        ?? throw new WeightFileException(Fault.Corrupt, $"has no {name}, or one that is no dict; {Advice}");

    private static string Text(PickleNode? node, string what) =>
        (node as PickleText)?.Text ?? throw new WeightFileException(Fault.Corrupt, $"{what} is {node?.Kind ?? "missing"}, where text should be; {Advice}");

    private long[] Integers(PickleNode? node, string what) =>
        (node is null ? null : _recipes.Integers(node, 0)) ?? throw new WeightFileException(Fault.Corrupt, $"{what} is no tuple of integers of 64 bits; {Advice}");

    /// <summary>What torch looks items up by: the entry and where the chunk begins.</summary>
    private readonly record struct ItemKey(string Name, long[]? Offsets)
    {
        public bool Equals(ItemKey other) =>
            Name == other.Name && (Offsets is null ? other.Offsets is null : other.Offsets is not null && Offsets.AsSpan().SequenceEqual(other.Offsets));

        public override int GetHashCode()
        {
            HashCode hash = default;
            hash.Add(Name, StringComparer.Ordinal);
            foreach (long offset in Offsets ?? [])
            {
                hash.Add(offset);
            }
            return hash.ToHashCode();
        }
    }
}
