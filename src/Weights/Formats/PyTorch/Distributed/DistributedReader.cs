using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Distributed;

/// <summary>
/// A folder of <c>torch.distributed.checkpoint</c>: <c>.metadata</c>, a pickle that says of which boxes (chunks) each tensor is made and where they
/// are, and <c>__RANK_NUMBER.distcp</c>, in which each chunk, and each value that is no tensor, is a file of <c>torch.save</c>.
/// <see href="https://github.com/pytorch/pytorch/blob/main/torch/distributed/checkpoint/filesystem.py"/>
/// </summary>
internal sealed class DistributedReader
{
    /// <summary>Name of the file that stands for the folder.</summary>
    private const string MetadataName = ".metadata";

    /// <summary>What the others end in.</summary>
    private const string ItemSuffix = ".distcp";

    private const int BytesPerObject = 6;
    private const int MostMoreObjects = 1 << 24;

    // Each is an archive of its own to open, half a millisecond; an optimizer's groups are some hundred of them.
    private const int MaxValues = 10_000;

    // A value that takes more is a data set, or the state of a data loader.
    private const long MaxValueBytes = 1 << 20;

    private readonly Input _input;
    private readonly DistributedMetadata _metadata;
    private readonly ItemFiles _files;
    private readonly NestedPaths _paths = new();
    private readonly List<LeftOut> _leftOut = [];
    private readonly List<TorchFile> _values = [];

    private DistributedReader(Input input, DistributedMetadata metadata)
    {
        (_input, _metadata) = (input, metadata);
        _files = new ItemFiles(input, metadata.Files);
    }

    /// <summary>Whether a file is the metadata of such a folder.</summary>
    public static bool Sniff(Input input) => DistributedMetadata.Sniff(input.Head);

    /// <summary>Whether a file, which may begin as any file of torch.save does, is one of the others.</summary>
    public static bool IsItems(string name) => name.EndsWith(ItemSuffix, StringComparison.Ordinal);

    /// <summary>The metadata of a folder; without it, one of the files that are then refused.</summary>
    public static IEnumerable<FolderFile> FindInFolder(Folder folder)
    {
        string? items = folder.Names.FirstOrDefault(IsItems);
        return items is null ? [] : [new FolderFile(folder, folder.Names.Contains(MetadataName) ? MetadataName : items)];
    }

    /// <summary>Reads the folder of a metadata file.</summary>
    public static Checkpoint Read(Input input, ReadOptions options)
    {
        if (!Sniff(input))
        {
            throw options.Folder is null
                ? new WeightFileException(Fault.Unsupported, $"holds chunks of a distributed checkpoint, which say nothing without the {MetadataName} beside them; name that, or the folder")
                : new WeightFileException(Fault.Corrupt, $"holds chunks of a distributed checkpoint, and the folder has no {MetadataName} to say of what: torch writes it last, so saving was not finished, or it was not copied");
        }
        // A chunk takes 125 bytes and 16 objects. So many more for each byte keeps what a stream can ask for in proportion to its length.
        PickleMachine machine = new(input.Bytes, MetadataName) { MaxObjects = PickleLimits.Objects + (int)Math.Min(input.Bytes.Length / BytesPerObject, MostMoreObjects) };
        DistributedReader reader = new(input, DistributedMetadata.Read(machine.Run()));
        return reader.Read(options, machine.Calls);
    }

    private Checkpoint Read(ReadOptions options, IReadOnlyList<PickleCall> calls)
    {
        foreach (DistributedEntry entry in _metadata.Entries)
        {
            PickleNode? node = entry.DType is { } dtype ? Tensor(entry, dtype) : Value(entry);
            if (node is not null)
            {
                _paths.Add(entry.Name, _metadata.Path(entry.Name), node);
            }
        }
        PickleDict root = _paths.Build();
        PickleTree tree = new(new TorchRecipes(NoStorages.Instance));
        RootChoice choice = options.Root is { } path ? RootChoice.At(tree, root, path) : RootChoice.Default(tree, root);
        int chunks = _metadata.Entries.Sum(static entry => entry.Chunks.Count);
        Origin origin = new(_input.Path, "pytorch", $"distributed checkpoint, {Counted(_metadata.Files.Count, "file")}, {Counted(chunks, "chunk")}", _input.Bytes.Length + _files.Bytes, "pt");
        return TorchReader.Read(_input, tree, root, choice, origin, () => [.. _leftOut, .. Inert(tree, calls)]);
    }

    private TorchTensor Tensor(DistributedEntry entry, string dtype)
    {
        if (TorchElement.OfDType(dtype) is not { } element)
        {
            return TorchTensor.Unsupported($"has the dtype {WeightFileException.Quote(dtype)}, which is not known; leave it out with --exclude");
        }
        if (!Shape.TryCreate(entry.Size, out Shape shape))
        {
            return TorchTensor.Corrupt($"has the shape [{string.Join(", ", entry.Size)}], which has a negative dimension or more elements than can be");
        }
        TorchStorage storage = new(entry, element, shape.ElementCount, IsBigEndian: false, () => Tiles(entry, element));
        return TorchTensor.Of(new TorchView(storage, element, 0, entry.Size, shape.ContiguousStrides()));
    }

    private ByteSource Tiles(DistributedEntry entry, TorchElement element)
    {
        // A box that several ranks have may be listed for each; torch keeps one of them.
        HashSet<string> seen = new(entry.Chunks.Count, StringComparer.Ordinal);
        List<Tile> tiles = new(entry.Chunks.Count);
        foreach (ChunkBox box in entry.Chunks)
        {
            if (!Shape.TryCreate(box.Sizes, out Shape sizes) || sizes.ElementCount > long.MaxValue / element.Bytes)
            {
                throw new WeightFileException(Fault.Corrupt, $"has a chunk of [{string.Join(", ", box.Sizes)}], which cannot be");
            }
            if (sizes.ElementCount == 0 || (entry.Chunks.Count > 1 && !seen.Add($"{string.Join(',', box.Offsets)} {string.Join(',', box.Sizes)}")))
            {
                continue;
            }
            ItemPlace place = _metadata.Find(entry, box.Offsets)
                ?? throw new WeightFileException(Fault.Corrupt, $"has a chunk at [{string.Join(", ", box.Offsets)}], and the metadata does not say where it is; a rank did not finish writing, or the file is damaged");
            tiles.Add(new Tile(box.Offsets, box.Sizes, new ChunkBytes(_files.Find(place), entry.Name, element, box.Sizes)));
        }
        return TiledBytes.Create(element.Bytes, entry.Size, tiles);
    }

    // Null where it is left out.
    private PickleNode? Value(DistributedEntry entry)
    {
        if (_metadata.Find(entry, null) is not { } place)
        {
            _leftOut.Add(new LeftOut(entry.Name, "is no tensor, and the metadata does not say where its value is"));
            return null;
        }
        string? reason = _values.Count >= MaxValues ? $"the folder has more than {MaxValues:N0} values that are no tensors, which is data and no metadata"
            : place.Length > MaxValueBytes ? $"a value of {place.Length:N0} bytes that is no tensor, which is data and no metadata"
            : null;
        StoredItem? item = reason is null ? _files.Find(place) : null;
        reason ??= item!.IsSaved ? null : $"a value of {place.Length:N0} bytes that torch.save did not write, so that nothing says what it means";
        if (reason is not null)
        {
            _leftOut.Add(new LeftOut(entry.Name, reason));
            return null;
        }
        TorchFile file = item!.Load();
        // What its nodes stand for is decided here, with its own storages.
        file.Tree.HoldsTensors(file.Root);
        _values.Add(file);
        return file.Root;
    }

    private IEnumerable<LeftOut> Inert(PickleTree tree, IReadOnlyList<PickleCall> calls)
    {
        IEnumerable<LeftOut> metadata = InertCalls.Find(tree, calls.Where(static call => !DistributedMetadata.IsExpected(call)), MetadataName);
        IEnumerable<LeftOut> values = _values.Where(static file => file.Calls.Count > 0).SelectMany(static file => InertCalls.Find(file.Tree, file.Calls, file.PickleName));
        return metadata.Concat(values).DistinctBy(static entry => entry.Path);
    }

    private static string Counted(int count, string what) => count == 1 ? $"1 {what}" : $"{count:N0} {what}s";
}
