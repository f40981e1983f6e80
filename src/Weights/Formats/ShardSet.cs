using Weights.IO;

namespace Weights.Formats;

/// <summary>
/// Shards seen as one checkpoint. Tensors come in the order of the shards' names and, within one, of the file.
/// </summary>
internal sealed class ShardSet
{
    private readonly ShardIndex _index;
    private readonly List<Tensor> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly List<Alias> _aliases = [];
    private readonly List<LeftOut> _leftOut = [];
    private readonly OrderedDictionary<string, MetadataValue> _metadata = new(StringComparer.Ordinal);
    private string? _framework;

    private ShardSet(ShardIndex index)
    {
        _index = index;
        foreach ((string key, MetadataValue value) in index.Metadata)
        {
            _metadata[key] = value;
        }
    }

    /// <summary>Opens every shard that the index names.</summary>
    /// <param name="input">The index; the checkpoint owns it, and through it the shards.</param>
    /// <param name="index">What it says.</param>
    /// <param name="format">Name of the format.</param>
    /// <param name="read">Reads one shard, which must not be an index itself.</param>
    /// <exception cref="WeightFileException">A shard is missing or refused, or lacks a tensor.</exception>
    public static Checkpoint Open(Input input, ShardIndex index, string format, Func<Input, Checkpoint> read)
    {
        ShardSet set = new(index);
        long bytes = input.Bytes.Length;
        string[] names = [.. index.Files.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        foreach (string name in names)
        {
            Input shard = input.OpenSibling(name);
            bytes += shard.Bytes.Length;
            try
            {
                set.Add(name, read(shard));
            }
            catch (WeightFileException error)
            {
                throw error.In(shard.Path);
            }
        }
        set.CheckComplete();
        Origin origin = new(input.Path, format, names.Length == 1 ? "1 shard" : $"{names.Length} shards", bytes, set._framework);
        return new Checkpoint(set._tensors, origin, input)
        {
            Metadata = new MetadataValue.Map(set._metadata),
            Aliases = set._aliases,
            LeftOut = set._leftOut,
        };
    }

    private void Add(string file, Checkpoint shard)
    {
        // A name that is stored as another one is in no index that the Hub's libraries write.
        Dictionary<string, string> same = shard.Aliases.Where(static alias => alias.Kind == AliasKind.Same).ToDictionary(static alias => alias.Name, static alias => alias.Of, StringComparer.Ordinal);
        List<Tensor> taken = [];
        foreach (Tensor tensor in shard.Tensors)
        {
            string? indexed = _index.Files.GetValueOrDefault(tensor.Name);
            bool isMeant = indexed == file || (indexed is null && same.TryGetValue(tensor.Name, out string? of) && _index.Files.GetValueOrDefault(of) == file);
            if (isMeant && _names.Add(tensor.Name))
            {
                taken.Add(tensor);
                continue;
            }
            string reason = isMeant ? "another shard before it has that name too" : indexed is null ? "the index does not name it" : $"the index takes it from {WeightFileException.Quote(indexed)}";
            _leftOut.Add(new LeftOut(tensor.Name, $"is in {WeightFileException.Quote(file)}, but {reason}; open that file by itself to get it"));
        }
        _tensors.AddRange(taken);
        _aliases.AddRange(shard.With(taken).Aliases);
        _leftOut.AddRange(shard.LeftOut);
        _framework ??= shard.Origin.Framework;
        foreach ((string key, MetadataValue value) in shard.Metadata)
        {
            if (!_metadata.TryAdd(key, value) && !_metadata[key].Equals(value))
            {
                _leftOut.Add(new LeftOut($"metadata {key}", $"{WeightFileException.Quote(file)} says {WeightFileException.Quote(value.ToText())}, a file before it something else, which is kept"));
            }
        }
    }

    private void CheckComplete()
    {
        foreach ((string name, string file) in _index.Files)
        {
            if (!_names.Contains(name))
            {
                throw new WeightFileException(Fault.Corrupt, $"the index says that it is in {WeightFileException.Quote(file)}, which does not hold it; get index and shards of the same version", tensor: name);
            }
        }
    }
}
