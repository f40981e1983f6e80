namespace Weights.Passes;

/// <summary>Gives tensors other names.</summary>
public static class Renaming
{
    /// <summary>The same tensors, in their order, under the names that the rules make of theirs, each rule applied to what the one before it made.</summary>
    /// <param name="checkpoint">What to rename.</param>
    /// <param name="rules">Rules, in order.</param>
    /// <param name="ledger">Is told what was renamed: one entry for each rule that first changed some name.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: two tensors end up with one name, one with none, or a rule takes too long.</exception>
    public static Checkpoint Rename(this Checkpoint checkpoint, IReadOnlyList<RenameRule> rules, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(ledger);
        Dictionary<string, string> newNames = new(checkpoint.Tensors.Count, StringComparer.Ordinal);
        Dictionary<string, string> oldNames = new(checkpoint.Tensors.Count, StringComparer.Ordinal);
        (NameList Names, string NewName)[] renamed = new (NameList, string)[rules.Count];
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            (string name, int firstRule) = Apply(rules, tensor.Name);
            if (!oldNames.TryAdd(name, tensor.Name))
            {
                throw new WeightFileException(Fault.Unsupported, $"the tensors {WeightFileException.Quote(oldNames[name])} and {WeightFileException.Quote(tensor.Name)} would both be named {WeightFileException.Quote(name)}; change the rename or exclude one of them");
            }
            newNames.Add(tensor.Name, name);
            if (name != tensor.Name)
            {
                if (renamed[firstRule].Names is null)
                {
                    renamed[firstRule] = (new NameList(), name);
                }
                renamed[firstRule].Names.Add(tensor.Name);
            }
        }
        for (int index = 0; index < rules.Count; index++)
        {
            if (renamed[index] is ({ } names, { } newName))
            {
                string example = names.Count == 1 ? "now" : "the first is now";
                ledger.Add(LedgerKind.Renamed, names.ToString(), $"by '{rules[index]}'; {example} {WeightFileException.Quote(newName)}");
            }
        }
        if (renamed.All(static rule => rule.Names is null))
        {
            return checkpoint;
        }
        return checkpoint.With(checkpoint.Tensors.Select(tensor => newNames[tensor.Name] is { } name && name != tensor.Name ? tensor.Rename(name) : tensor), newNames.GetValueOrDefault);
    }

    private static (string Name, int FirstRule) Apply(IReadOnlyList<RenameRule> rules, string oldName)
    {
        string name = oldName;
        int firstRule = -1;
        for (int index = 0; index < rules.Count; index++)
        {
            string changed = rules[index].Apply(name);
            firstRule = firstRule < 0 && changed != name ? index : firstRule;
            name = changed;
        }
        return name.Length > 0 || oldName.Length == 0
            ? (name, firstRule)
            : throw new WeightFileException(Fault.Unsupported, "the renames would leave it without a name; give the replacement some text", tensor: oldName);
    }
}
