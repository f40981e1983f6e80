namespace Weights.Passes.Dialects;

/// <summary>Makes plain weights of those that a dialect packs.</summary>
public static class Dequantization
{
    private const string FileTypeKey = "general.file_type";
    private const string GptqPrefix = "gptq_"; // AutoGPTQ repeats its configuration in the metadata.

    /// <summary>
    /// The same checkpoint, each packed weight in place of the first of its parts, the others gone: streamed, in parallel, each number as the reference implementation works
    /// it out, and then rounded to the type asked for. What is not part of a packed weight stays. No weight may be packed: then nothing changes.
    /// </summary>
    /// <param name="checkpoint">What is unpacked.</param>
    /// <param name="options">How.</param>
    /// <param name="ledger">Is told what was packed how, what was taken for granted, and what no longer applies.</param>
    /// <exception cref="WeightFileException">
    /// <see cref="Fault.Corrupt"/>: parts of a weight do not fit together. <see cref="Fault.Unsupported"/>: a layout that is not read.
    /// </exception>
    public static DequantizedCheckpoint Dequantize(this Checkpoint checkpoint, DequantizationOptions options, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ledger);
        PackedTensors packed = new(Checked(checkpoint), options.Config, name => IsWanted(options, name));
        Dictionary<string, PackedWeight> byPart = new(StringComparer.Ordinal);
        PackedWeight[] found = [.. options.Dialects.SelectMany(dialect => dialect.Find(packed))];
        foreach (PackedWeight weight in found)
        {
            Claim(checkpoint, weight, byPart);
        }
        HashSet<string> staying = [.. found.SelectMany(static weight => weight.Staying).Select(static part => part.Name)];
        Dictionary<string, int> order = checkpoint.Tensors.Index().ToDictionary(static tensor => tensor.Item.Name, static tensor => tensor.Index, StringComparer.Ordinal);
        ILookup<string, PackedWeight> firsts = found.ToLookup(weight => weight.Parts.MinBy(part => order[part.Name])!.Name);
        List<Tensor> tensors = [];
        List<(PackedWeight, Tensor)> weights = [];
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            foreach (PackedWeight weight in firsts[tensor.Name])
            {
                Tensor plain = As(weight.Tensor, options.DType ?? weight.DType);
                tensors.Add(plain);
                weights.Add((weight, plain));
            }
            if (!byPart.ContainsKey(tensor.Name) || staying.Contains(tensor.Name))
            {
                tensors.Add(tensor);
            }
        }
        if (weights.Count == 0)
        {
            return new DequantizedCheckpoint(checkpoint, [], packed.Kept);
        }
        Tell(weights, packed.Kept, options, ledger);
        Dictionary<string, DType> types = tensors.ToDictionary(static tensor => tensor.Name, static tensor => tensor.DType, StringComparer.Ordinal);
        Checkpoint plainOnes = checkpoint.With(tensors);
        Alias[] tied = [.. plainOnes.Aliases.Where(alias => byPart.ContainsKey(alias.Name) == byPart.ContainsKey(alias.Of) && types[alias.Name] == types[alias.Of])];
        return new DequantizedCheckpoint(WithMetadata(plainOnes.WithAliases(tied), weights, ledger), weights, packed.Kept);
    }

    // Where a container has checksums, what is read of packed tensors is compared with them.
    private static Checkpoint Checked(Checkpoint checkpoint) => checkpoint.Tensors.All(static tensor => tensor.Bytes.Crc32 is null)
        ? checkpoint
        : checkpoint.With(checkpoint.Tensors.Select(static tensor => tensor.Bytes.Crc32 is null ? tensor : new Tensor(tensor.Name, tensor.DType, tensor.Shape, new CheckedBytes(tensor.Bytes))));

    private static bool IsWanted(DequantizationOptions options, string name) =>
        (options.Include.Count == 0 || options.Include.Any(glob => glob.IsMatch(name))) && !options.Exclude.Any(glob => glob.IsMatch(name));

    private static void Claim(Checkpoint checkpoint, PackedWeight weight, Dictionary<string, PackedWeight> byPart)
    {
        foreach (Tensor part in weight.Parts)
        {
            if (!byPart.TryAdd(part.Name, weight) && !(weight.IsExplicit && byPart[part.Name].IsExplicit))
            {
                throw new WeightFileException(Fault.Corrupt, $"is a part of a weight of {byPart[part.Name].Dialect} and of one of {weight.Dialect}: remove the scales that do not belong to it", tensor: part.Name);
            }
        }
        if (checkpoint.Find(weight.Tensor.Name) is { } other && !weight.Parts.Except(weight.Staying).Any(part => part.Name == other.Name))
        {
            throw new WeightFileException(Fault.Corrupt, $"is there beside {WeightFileException.Quote(weight.Parts[0].Name)}, which would become it: leave one of them out", tensor: other.Name);
        }
    }

    private static Tensor As(Tensor tensor, DType dtype) =>
        tensor.DType == dtype ? tensor : new Tensor(tensor.Name, dtype, tensor.Shape, CastBytes.Create(tensor, dtype));

    private static void Tell(List<(PackedWeight Packed, Tensor Tensor)> weights, IReadOnlyCollection<string> kept, DequantizationOptions options, Ledger ledger)
    {
        foreach (IGrouping<(string, DType), (PackedWeight, Tensor Tensor)> group in weights.GroupBy(static weight => (weight.Packed.ToString(), weight.Tensor.DType)))
        {
            ledger.Add(LedgerKind.Cast, Names(group.Select(static weight => weight.Tensor.Name)), $"from {group.Key.Item1}, to {group.Key.Item2}");
        }
        foreach (IGrouping<string, string> group in weights.Where(static weight => weight.Packed.Assumption is not null).GroupBy(static weight => weight.Packed.Assumption!, static weight => weight.Tensor.Name))
        {
            ledger.Add(LedgerKind.Restated, Names(group), group.Key);
        }
        if (kept.Count > 0)
        {
            ledger.Add(LedgerKind.Kept, Names(kept), "packed as it was, as asked for");
        }
        if (options.Config.Path is { } path)
        {
            ledger.Add(LedgerKind.LeftOut, "quantization_config", $"{path} says how weights were packed, which {(kept.Count > 0 ? "most of " : "")}the new ones are not: take it out of the configuration beside them");
        }
    }

    private static string Names(IEnumerable<string> names)
    {
        NameList list = new();
        foreach (string name in names)
        {
            list.Add(name);
        }
        return list.ToString();
    }

    // What readers would show or rely on, and is no longer so.
    private static Checkpoint WithMetadata(Checkpoint checkpoint, List<(PackedWeight Packed, Tensor Tensor)> weights, Ledger ledger)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [.. checkpoint.Metadata];
        int removed = weights.Any(static weight => weight.Packed.Dialect == "GPTQ") ? entries.RemoveAll(static entry => entry.Key.StartsWith(GptqPrefix, StringComparison.Ordinal)) : 0;
        if (removed > 0)
        {
            ledger.Add(LedgerKind.LeftOut, $"metadata {GptqPrefix}*", "says how weights were packed, which they are not any more");
        }
        int fileType = entries.FindIndex(static entry => entry.Key == FileTypeKey);
        if (fileType >= 0 && FileType(weights[0].Tensor.DType) is { } type)
        {
            entries[fileType] = new(FileTypeKey, new MetadataValue.Integer(type));
        }
        return removed > 0 || fileType >= 0 ? checkpoint.With(new MetadataValue.Map(entries)) : checkpoint;
    }

    // As llama.cpp numbers them (llama_ftype).
    private static long? FileType(DType dtype) => dtype == DType.F32 ? 0 : dtype == DType.F16 ? 1 : dtype == DType.BF16 ? 32 : null;
}
