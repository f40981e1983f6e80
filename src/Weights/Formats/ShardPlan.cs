using Weights.IO;

namespace Weights.Formats;

/// <summary>One file of a set.</summary>
/// <param name="FileName">Its name.</param>
/// <param name="Tensors">What it holds, in the checkpoint's order.</param>
internal sealed record Shard(string FileName, IReadOnlyList<Tensor> Tensors);

/// <summary>
/// Which tensors go to which file, with the names that the Hub's libraries give: <c>model-00001-of-00003.safetensors</c> and
/// <c>model.safetensors.index.json</c>.
/// </summary>
internal sealed class ShardPlan
{
    private ShardPlan(IReadOnlyList<Shard> shards, FileLayout? index) => (Shards, Index) = (shards, index);

    /// <summary>The files, in order; at least one.</summary>
    public IReadOnlyList<Shard> Shards { get; }

    /// <summary>The file that names them, which is to be written last; null when there is one file that needs none.</summary>
    public FileLayout? Index { get; }

    /// <summary>Distributes the tensors.</summary>
    /// <param name="tensors">What is to be written, in the checkpoint's order.</param>
    /// <param name="fileName">The name that was asked for: of the one file, or of the index.</param>
    /// <param name="extension">Extension of the format's files, with the dot; another one that <paramref name="fileName"/> ends in is not replaced.</param>
    /// <param name="maxBytes">Most bytes of tensors in a file, or null for one file, unless an index was asked for by name.</param>
    /// <param name="storedWith">From a name that takes no space of its own to the earlier one whose bytes it shares; it goes to the same file.</param>
    public static ShardPlan Make(IReadOnlyList<Tensor> tensors, string fileName, string extension, long? maxBytes, IReadOnlyDictionary<string, string>? storedWith = null)
    {
        List<List<Tensor>> groups = Split(tensors, maxBytes ?? long.MaxValue, storedWith);
        bool isIndex = fileName.EndsWith(ShardIndex.Suffix, StringComparison.OrdinalIgnoreCase);
        string single = isIndex ? fileName[..^ShardIndex.Suffix.Length] : fileName;
        if (groups.Count == 1 && !isIndex)
        {
            return new ShardPlan([new Shard(single, groups[0])], null);
        }
        bool hasExtension = single.EndsWith(extension, StringComparison.OrdinalIgnoreCase);
        string stem = hasExtension ? single[..^extension.Length] : single;
        string ending = hasExtension ? single[^extension.Length..] : extension;
        Shard[] shards = [.. groups.Select((group, index) => new Shard($"{stem}-{index + 1:D5}-of-{groups.Count:D5}{ending}", group))];
        long total = tensors.Where(tensor => storedWith is null || !storedWith.ContainsKey(tensor.Name)).Sum(static tensor => tensor.Bytes.Length);
        byte[] text = ShardIndex.Text(total, shards.SelectMany(static shard => shard.Tensors.Select(tensor => (tensor.Name, shard.FileName))));
        string indexName = isIndex ? fileName : stem + ending + ShardIndex.Suffix;
        return new ShardPlan(shards, new FileLayout { Name = indexName, Length = text.Length, Segments = [new Segment(0, new MemoryBytes(text))] });
    }

    // As the Hub's library does: in order, a new file when the next tensor would not fit, and a file of its own for each tensor
    // that fits in none, which does not end the file being filled.
    private static List<List<Tensor>> Split(IReadOnlyList<Tensor> tensors, long maxBytes, IReadOnlyDictionary<string, string>? storedWith)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBytes);
        List<List<Tensor>> groups = [];
        List<Tensor> current = [];
        Dictionary<string, List<Tensor>> groupOf = new(StringComparer.Ordinal);
        long filled = 0;
        foreach (Tensor tensor in tensors)
        {
            if (storedWith is not null && storedWith.TryGetValue(tensor.Name, out string? first) && groupOf.TryGetValue(first, out List<Tensor>? shared))
            {
                shared.Add(tensor);
                continue;
            }
            if (tensor.Bytes.Length > maxBytes)
            {
                groups.Add([tensor]);
                groupOf[tensor.Name] = groups[^1];
                continue;
            }
            if (filled > maxBytes - tensor.Bytes.Length)
            {
                groups.Add(current);
                (current, filled) = ([], 0);
            }
            current.Add(tensor);
            groupOf[tensor.Name] = current;
            filled += tensor.Bytes.Length;
        }
        if (current.Count > 0 || groups.Count == 0)
        {
            groups.Add(current);
        }
        return groups;
    }
}
