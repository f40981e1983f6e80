namespace Weights.Formats;

/// <summary>
/// Names that are one tensor, for formats that have none, as the safetensors library's <c>save_model</c> writes them: the first name in the order of code
/// points, and for each other name an entry in the metadata, from that name to the written one.
/// </summary>
internal static class Ties
{
    /// <summary>The one key of the metadata that has a meaning of its own, and so names no tensor.</summary>
    public const string FormatKey = "format";

    /// <summary>What is written under which names.</summary>
    /// <param name="Tensors">Tensors to write, in the checkpoint's order.</param>
    /// <param name="WrittenAs">For each name that is not written, the one that stands for it, in the order of the names.</param>
    public sealed record Plan(IReadOnlyList<Tensor> Tensors, IReadOnlyList<(string Name, string Kept)> WrittenAs);

    /// <summary>Finds the names that the metadata says are another tensor, and takes them out of it.</summary>
    public static (List<Tensor> Tensors, List<Alias> Aliases, MetadataValue.Map Metadata) Restore(List<Tensor> tensors, MetadataValue.Map metadata)
    {
        if (metadata.Count == 0)
        {
            return (tensors, [], metadata);
        }
        Dictionary<string, Tensor> byName = tensors.ToDictionary(static tensor => tensor.Name, StringComparer.Ordinal);
        List<Alias> aliases = [];
        List<KeyValuePair<string, MetadataValue>> rest = [];
        foreach (KeyValuePair<string, MetadataValue> entry in metadata)
        {
            if (entry.Key != FormatKey && entry.Value is MetadataValue.Text { Value: string kept } && byName.ContainsKey(kept) && !byName.ContainsKey(entry.Key))
            {
                aliases.Add(new Alias(entry.Key, kept, AliasKind.Same));
            }
            else
            {
                rest.Add(entry);
            }
        }
        // By name: the library writes metadata in an order that differs from run to run.
        aliases.Sort(static (left, right) => CodePointOrder.Instance.Compare(left.Name, right.Name));
        return ([.. tensors, .. aliases.Select(alias => byName[alias.Of].Rename(alias.Name))], aliases, new MetadataValue.Map(rest));
    }

    /// <summary>Decides which names are written, and tells the ledger.</summary>
    public static Plan Choose(Checkpoint checkpoint, AliasMode mode, Ledger ledger)
    {
        SortedDictionary<string, string> dropped = new(CodePointOrder.Instance);
        List<(string Name, string Of)> untied = [];
        foreach (List<string> group in Groups(checkpoint))
        {
            string kept = mode == AliasMode.Drop ? group.Min(CodePointOrder.Instance)! : group[0];
            foreach (string name in group.Where(name => name != kept))
            {
                if (mode == AliasMode.Drop && CanDrop(checkpoint, name, kept))
                {
                    dropped.Add(name, kept);
                }
                else
                {
                    untied.Add((name, kept));
                }
            }
        }
        bool canDrop = mode == AliasMode.Keep && untied.Count > 0;
        untied.AddRange(checkpoint.Aliases.Where(alias => alias.Kind == AliasKind.Overlapping && !dropped.ContainsKey(alias.Name)).Select(static alias => (alias.Name, alias.Of)));
        Tell(ledger, dropped, untied, canDrop);
        IReadOnlyList<Tensor> tensors = dropped.Count == 0 ? checkpoint.Tensors : [.. checkpoint.Tensors.Where(tensor => !dropped.ContainsKey(tensor.Name))];
        return new Plan(tensors, [.. dropped.Select(static pair => (pair.Key, pair.Value))]);
    }

    // Names of the same tensor, the first in the checkpoint's order first.
    private static IEnumerable<List<string>> Groups(Checkpoint checkpoint) => checkpoint.SameAs()
        .GroupBy(static pair => pair.Value, static pair => pair.Key, StringComparer.Ordinal)
        .Select(static group => (List<string>)[group.Key, .. group]);

    // A name is left out only if the metadata can say where it is: no entry of that name is the user's own.
    private static bool CanDrop(Checkpoint checkpoint, string name, string kept)
    {
        Tensor tensor = checkpoint.Find(name)!;
        Tensor written = checkpoint.Find(kept)!;
        return name != FormatKey && checkpoint.Metadata[name] is null
            && tensor.DType == written.DType && tensor.Shape == written.Shape;
    }

    private static void Tell(Ledger ledger, SortedDictionary<string, string> dropped, List<(string Name, string Of)> untied, bool canDrop)
    {
        foreach ((string name, string kept) in dropped)
        {
            ledger.Add(LedgerKind.Deduplicated, name, $"is the same tensor as {WeightFileException.Quote(kept)}, under which it is written once; the metadata says so, as the safetensors library records it");
        }
        if (untied.Count > 0)
        {
            string others = untied.Count > 1 ? $", one of {untied.Count:N0} such names" : "";
            string advice = canDrop ? "; --aliases drop writes one copy of names that are the same tensor" : "";
            ledger.Add(LedgerKind.Untied, untied[0].Name, $"shares storage with {WeightFileException.Quote(untied[0].Of)} and is written out in full{others}{advice}");
        }
    }
}
