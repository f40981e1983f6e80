using Weights.IO;

namespace Weights.Formats.Safetensors;

/// <summary>Lays out the files of a checkpoint: one, or shards and their index.</summary>
internal static class SafetensorsLayout
{
    private const string PyTorch = "pt";

    /// <summary>The files; an index comes last.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a type, an odd number of packed elements, a name or a header that the format cannot hold.</exception>
    public static IReadOnlyList<FileLayout> Files(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger)
    {
        CheckNames(checkpoint.Tensors);
        Ties.Plan plan = Ties.Choose(checkpoint, options.Aliases, ledger);
        TypeCheck.Require("safetensors", StoredTypes.ByName, plan.Tensors);
        TypeCheck.RequireWholeBytes("safetensors", StoredTypes.ByName, plan.Tensors);
        List<KeyValuePair<string, string>> metadata = Metadata(checkpoint, ledger);
        ShardPlan shards = ShardPlan.Make(plan.Tensors, fileName, ".safetensors", options.MaxShardBytes);
        List<FileLayout> files = [];
        foreach (Shard shard in shards.Shards)
        {
            HashSet<string> names = [.. shard.Tensors.Select(static tensor => tensor.Name)];
            // Each shard must be able to stand alone: it has all the metadata, but only its own ties.
            IEnumerable<KeyValuePair<string, string>> ties = plan.WrittenAs.Where(tie => names.Contains(tie.Kept)).Select(static tie => KeyValuePair.Create(tie.Name, tie.Kept));
            files.Add(File(shard, [.. metadata, .. ties]));
        }
        if (shards.Index is { } index)
        {
            files.Add(index);
        }
        return files;
    }

    private static FileLayout File(Shard shard, List<KeyValuePair<string, string>> metadata)
    {
        Tensor[] tensors = HeaderText.Sorted(shard.Tensors);
        byte[] head = HeaderText.Build(tensors, metadata);
        List<Segment> segments = [new Segment(0, new MemoryBytes(head))];
        long offset = head.Length;
        foreach (Tensor tensor in tensors)
        {
            segments.Add(new Segment(offset, tensor.Bytes, tensor.Name));
            offset += tensor.Bytes.Length;
        }
        return new FileLayout { Name = shard.FileName, Length = offset, Segments = segments };
    }

    private static void CheckNames(IReadOnlyList<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            if (tensor.Name == HeaderReader.MetadataKey)
            {
                throw new WeightFileException(Fault.Unsupported, "has the name under which safetensors keeps its metadata; give it another one with --rename", tensor: tensor.Name);
            }
            MetadataText.RequireUtf8(tensor);
        }
    }

    // Strings are all that the format holds; that numbers become "3" is its normal use and no loss.
    private static List<KeyValuePair<string, string>> Metadata(Checkpoint checkpoint, Ledger ledger)
    {
        List<KeyValuePair<string, string>> entries = [];
        if (checkpoint.Origin.Framework == PyTorch && checkpoint.Metadata[Ties.FormatKey] is null)
        {
            // Without it transformers refuses the file.
            entries.Add(new(Ties.FormatKey, PyTorch));
        }
        entries.AddRange(MetadataText.Entries(checkpoint.Metadata, ledger));
        return entries;
    }
}
