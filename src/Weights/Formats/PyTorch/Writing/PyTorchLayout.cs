using System.Text;
using Weights.IO;

namespace Weights.Formats.PyTorch.Writing;

/// <summary>
/// Lays out a checkpoint as <c>torch.save</c> of an <c>OrderedDict</c> of tensors would: a zip archive of stored entries
/// <c>archive/data.pkl | archive/byteorder | archive/data/0 … | archive/version</c>, contents at multiples of 64 bytes so
/// that <c>torch.load(mmap=True)</c> can map them.
/// </summary>
/// <remarks>
/// Same tensors, same bytes: the archive's root is always <c>archive</c> (torch takes the file's name) and there is no serialization id.
/// There is no <c>.format_version</c> either: it would let a loader compute where the storages lie instead of reading it.
/// </remarks>
internal static class PyTorchLayout
{
    private const int Alignment = 64;

    // By which the Hub's files name their framework: true of every PyTorch file, so nothing is lost with it.
    private const string FrameworkKey = "format";

    // As many as Python's own pickler puts between a mark and SETITEMS.
    private const int Batch = 1000;

    /// <summary>Element types that torch stores, in the classic storages of every version or as untyped bytes with a dtype.</summary>
    private static readonly Dictionary<string, (string Name, bool HasStorageClass)> s_dtypes = new(StringComparer.Ordinal)
    {
        ["BOOL"] = ("BoolStorage", true),
        ["U8"] = ("ByteStorage", true),
        ["I8"] = ("CharStorage", true),
        ["I16"] = ("ShortStorage", true),
        ["I32"] = ("IntStorage", true),
        ["I64"] = ("LongStorage", true),
        ["F16"] = ("HalfStorage", true),
        ["BF16"] = ("BFloat16Storage", true),
        ["F32"] = ("FloatStorage", true),
        ["F64"] = ("DoubleStorage", true),
        ["C64"] = ("ComplexFloatStorage", true),
        ["C128"] = ("ComplexDoubleStorage", true),
        ["U16"] = ("uint16", false),
        ["U32"] = ("uint32", false),
        ["U64"] = ("uint64", false),
        ["C32"] = ("complex32", false),
        ["F8_E4M3"] = ("float8_e4m3fn", false),
        ["F8_E5M2"] = ("float8_e5m2", false),
        ["F8_E4M3FNUZ"] = ("float8_e4m3fnuz", false),
        ["F8_E5M2FNUZ"] = ("float8_e5m2fnuz", false),
        ["F8_E8M0"] = ("float8_e8m0fnu", false),
        ["F4"] = ("float4_e2m1fn_x2", false),
    };

    /// <summary>Element types that can be written.</summary>
    public static IReadOnlyList<DType> DTypes { get; } = [.. DType.All.Where(static dtype => s_dtypes.ContainsKey(dtype.Name))];

    /// <summary>The files of a checkpoint: one archive, or shards and their index, which comes last.</summary>
    /// <remarks>
    /// Names of the same tensor share one storage, whatever <see cref="WriteOptions.Aliases"/> says: every loader finds every name and
    /// one copy is written. Across shards nothing can be shared, so such names go to one shard.
    /// </remarks>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a type, an odd row of packed elements or a name that a pickle of torch cannot hold.</exception>
    public static IReadOnlyList<FileLayout> Create(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger)
    {
        TypeCheck.Require("PyTorch", DTypes, checkpoint.Tensors);
        TypeCheck.RequireWholeBytes("PyTorch", DTypes, checkpoint.Tensors, byRow: true);
        IReadOnlyDictionary<string, string> sameAs = checkpoint.SameAs();
        Tell(checkpoint, ledger);
        string single = fileName.EndsWith(ShardIndex.Suffix, StringComparison.OrdinalIgnoreCase) ? fileName[..^ShardIndex.Suffix.Length] : fileName;
        string extension = Path.GetExtension(single) is { Length: > 0 } named ? named : ".pt";
        ShardPlan plan = ShardPlan.Make(checkpoint.Tensors, fileName, extension, options.MaxShardBytes, sameAs);
        List<FileLayout> files = [.. plan.Shards.Select(shard => Archive(shard, name => sameAs.GetValueOrDefault(name, name)))];
        if (plan.Index is { } index)
        {
            files.Add(index);
        }
        return files;
    }

    // A dict of tensors is all that is written: what else the checkpoint says is named in the ledger.
    private static void Tell(Checkpoint checkpoint, Ledger ledger)
    {
        string[] keys = [.. checkpoint.Metadata.Select(static entry => entry.Key).Where(static key => key != FrameworkKey)];
        if (keys.Length > 0)
        {
            ledger.Add(LedgerKind.LeftOut, "metadata", $"a PyTorch state dict holds tensors only; not written: {string.Join(", ", keys.Take(8).Select(WeightFileException.Quote))}{(keys.Length > 8 ? $" and {keys.Length - 8:N0} more" : "")}");
        }
        Alias[] overlapping = [.. checkpoint.Aliases.Where(static alias => alias.Kind == AliasKind.Overlapping)];
        if (overlapping.Length > 0)
        {
            string others = overlapping.Length > 1 ? $", one of {overlapping.Length:N0} such names" : "";
            ledger.Add(LedgerKind.Untied, overlapping[0].Name, $"is another view of the storage of {WeightFileException.Quote(overlapping[0].Of)} and gets a storage of its own{others}");
        }
    }

    private static FileLayout Archive(Shard shard, Func<string, string> storageOf)
    {
        ZipLayout zip = new(Alignment);
        Dictionary<string, int> keys = new(StringComparer.Ordinal);
        List<Tensor> stored = [];
        foreach (Tensor tensor in shard.Tensors)
        {
            if (keys.TryAdd(storageOf(tensor.Name), keys.Count))
            {
                stored.Add(tensor);
            }
        }
        zip.Add("archive/data.pkl", new MemoryBytes(Pickle(shard.Tensors, name => keys[storageOf(name)])));
        zip.Add("archive/byteorder", new MemoryBytes("little"u8.ToArray()));
        for (int key = 0; key < stored.Count; key++)
        {
            zip.Add($"archive/data/{key}", stored[key].Bytes, stored[key].Name);
        }
        zip.Add("archive/version", new MemoryBytes("3\n"u8.ToArray()));
        return zip.ToFile(shard.FileName);
    }

    private static byte[] Pickle(IReadOnlyList<Tensor> tensors, Func<string, int> key)
    {
        PickleWriter pickle = new();
        pickle.Global("collections", "OrderedDict");
        pickle.EmptyTuple();
        pickle.Reduce();
        foreach (Tensor[] batch in tensors.Chunk(Batch))
        {
            pickle.Mark();
            foreach (Tensor tensor in batch)
            {
                try
                {
                    pickle.Text(tensor.Name);
                }
                catch (EncoderFallbackException error)
                {
                    throw new WeightFileException(Fault.Unsupported, "has a name that is not valid Unicode and cannot be written; give it another one with --rename", tensor: tensor.Name, inner: error);
                }
                Write(pickle, tensor, key(tensor.Name));
            }
            pickle.SetItems();
        }
        return pickle.Stop();
    }

    // _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks), or _v3 with the dtype at the end.
    private static void Write(PickleWriter pickle, Tensor tensor, int key)
    {
        (string name, bool hasStorageClass) = s_dtypes[tensor.DType.Name];
        Shape shape = Stored(tensor);
        pickle.Global("torch._utils", hasStorageClass ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
        pickle.Mark();
        pickle.Mark();
        pickle.Word("storage");
        pickle.Global(hasStorageClass ? "torch" : "torch.storage", hasStorageClass ? name : "UntypedStorage");
        pickle.Text(key.ToString());
        pickle.Word("cpu");
        pickle.Integer(hasStorageClass ? shape.ElementCount : tensor.Bytes.Length);
        pickle.Tuple();
        pickle.PersistentId();
        pickle.Integer(0);
        pickle.Integers(shape.Dimensions);
        pickle.Integers(shape.ContiguousStrides());
        pickle.False();
        pickle.Global("collections", "OrderedDict");
        pickle.EmptyTuple();
        pickle.Reduce();
        if (!hasStorageClass)
        {
            pickle.Global("torch", name);
        }
        pickle.Tuple();
        pickle.Reduce();
    }

    // torch counts packed 4-bit numbers in pairs along the last dimension, which has been seen to be even.
    private static Shape Stored(Tensor tensor)
    {
        int packed = tensor.DType.BlockLength;
        if (packed == 1)
        {
            return tensor.Shape;
        }
        ReadOnlySpan<long> logical = tensor.Shape.Dimensions;
        return new Shape([.. logical[..^1], logical[^1] / packed]);
    }
}
