using System.Buffers;
using Weights.IO;

namespace Weights.Formats.Gguf;

/// <summary>Lays out the files of a checkpoint: version 3, little-endian; one file, or several that are one model.</summary>
internal static class GgufLayout
{
    private const uint Version = 3;

    /// <summary>The files; the first of several, by which all are opened, comes last.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a type, a shape or a name that the format cannot hold.</exception>
    public static IReadOnlyList<FileLayout> Files(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger)
    {
        CheckNames(checkpoint.Tensors);
        Ties.Plan plan = Ties.Choose(checkpoint, options.Aliases, ledger);
        TypeCheck.Require("gguf", TensorTypes.Stored, plan.Tensors);
        CheckShapes(plan.Tensors);
        List<(string Key, MetadataValue Value, StoredAs Type)> entries = MetadataWriter.Entries(checkpoint, ledger);
        long alignment = Alignment(entries);
        entries.AddRange(plan.WrittenAs.Select(static tie => (tie.Name, (MetadataValue)new MetadataValue.Text(tie.Kept), new StoredAs(ValueType.String))));
        IReadOnlyList<Shard> shards = ShardPlan.Make(plan.Tensors, fileName, ".gguf", options.MaxShardBytes).Shards;
        if (shards is [var single])
        {
            return [File(single, entries, alignment, (checkpoint.Original as OriginalTypes)?.IsPadded ?? false)];
        }
        FileLayout[] files = [.. shards.Select((shard, index) => File(shard, [.. index == 0 ? entries : OwnAlignment(entries), .. Part(index, shards.Count, plan.Tensors.Count)], alignment))];
        return [.. files[1..], files[0]];
    }

    private static FileLayout File(Shard shard, List<(string Key, MetadataValue Value, StoredAs Type)> entries, long alignment, bool isPadded = true)
    {
        ArrayBufferWriter<byte> head = new(64 << 10);
        head.Write("GGUF"u8);
        MetadataWriter.Write(head, Version);
        MetadataWriter.Write(head, (ulong)shard.Tensors.Count);
        MetadataWriter.Write(head, (ulong)entries.Count);
        foreach ((string key, MetadataValue value, StoredAs type) in entries)
        {
            MetadataWriter.Write(head, key, value, type);
        }
        long offset = 0;
        foreach (Tensor tensor in shard.Tensors)
        {
            MetadataWriter.Write(head, tensor.Name);
            MetadataWriter.Write(head, (uint)tensor.Shape.Rank);
            for (int index = tensor.Shape.Rank - 1; index >= 0; index--)
            {
                MetadataWriter.Write(head, (ulong)tensor.Shape[index]);
            }
            MetadataWriter.Write(head, (uint)TensorTypes.Number(tensor.DType));
            MetadataWriter.Write(head, (ulong)offset);
            offset = FileHead.Aligned(offset + tensor.Bytes.Length, alignment);
        }
        long start = shard.Tensors.Count == 0 && !isPadded ? head.WrittenCount : FileHead.Aligned(head.WrittenCount, alignment);
        List<Segment> segments = [new Segment(0, new MemoryBytes(head.WrittenMemory.ToArray()))];
        long next = start;
        foreach (Tensor tensor in shard.Tensors)
        {
            segments.Add(new Segment(next, tensor.Bytes, tensor.Name));
            next = FileHead.Aligned(next + tensor.Bytes.Length - start, alignment) + start;
        }
        return new FileLayout { Name = shard.FileName, Length = next, Segments = segments };
    }

    private static IEnumerable<(string, MetadataValue, StoredAs)> Part(int number, int count, int tensors) =>
    [
        (SplitFiles.NumberKey, new MetadataValue.Integer(number), new StoredAs(ValueType.U16)),
        (SplitFiles.CountKey, new MetadataValue.Integer(count), new StoredAs(ValueType.U16)),
        (SplitFiles.TensorsKey, new MetadataValue.Integer(tensors), new StoredAs(ValueType.I32)),
    ];

    private static IEnumerable<(string Key, MetadataValue Value, StoredAs Type)> OwnAlignment(List<(string Key, MetadataValue Value, StoredAs Type)> entries) =>
        entries.Where(static entry => entry.Key == FileHead.AlignmentKey);

    private static long Alignment(List<(string Key, MetadataValue Value, StoredAs Type)> entries)
    {
        int index = entries.FindIndex(static entry => entry.Key == FileHead.AlignmentKey);
        if (index < 0)
        {
            return FileHead.DefaultAlignment;
        }
        MetadataValue value = entries[index].Value;
        if (value is not MetadataValue.Integer { Value: > 0 and <= uint.MaxValue and var alignment } || !long.IsPow2(alignment))
        {
            throw new WeightFileException(Fault.Unsupported, $"its metadata says that {FileHead.AlignmentKey} is {WeightFileException.Quote(value.ToText())}, which must be a power of two; set it with --set {FileHead.AlignmentKey}={FileHead.DefaultAlignment}");
        }
        entries[index] = entries[index] with { Type = new StoredAs(ValueType.U32) };
        return alignment;
    }

    private static void CheckNames(IReadOnlyList<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            MetadataText.RequireUtf8(tensor);
        }
        Tensor[] tooLong = [.. tensors.Where(static tensor => System.Text.Encoding.UTF8.GetByteCount(tensor.Name) > FileHead.MaxNameBytes)];
        if (tooLong.Length > 0)
        {
            string others = tooLong.Length > 1 ? $", as have {tooLong.Length - 1:N0} others" : "";
            throw new WeightFileException(Fault.Unsupported, $"has a name of {System.Text.Encoding.UTF8.GetByteCount(tooLong[0].Name)} bytes{others}; GGUF holds at most {FileHead.MaxNameBytes}: shorten names with --rename, such as 'transformer\\.layers\\.=blk.'", tensor: tooLong[0].Name);
        }
    }

    private static void CheckShapes(IReadOnlyList<Tensor> tensors)
    {
        if (tensors.FirstOrDefault(static tensor => tensor.Shape.Rank > FileHead.MaxRank) is { } tensor)
        {
            throw new WeightFileException(Fault.Unsupported, $"has shape {tensor.Shape}; GGUF holds at most {FileHead.MaxRank} dimensions: leave it out with --exclude", tensor: tensor.Name);
        }
    }
}
