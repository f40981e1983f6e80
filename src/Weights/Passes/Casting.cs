namespace Weights.Passes;

/// <summary>Gives tensors other element types.</summary>
public static class Casting
{
    /// <summary>
    /// The same tensors, those of a rule's type cast as it says: lazily, while their bytes are read, each number rounded once
    /// as <see cref="DType.Encode"/> states. Rules are not chained; of two for one type the later counts.
    /// </summary>
    /// <param name="checkpoint">What to cast.</param>
    /// <param name="rules">What becomes what.</param>
    /// <param name="ledger">Is told what was cast, one entry for each rule, and which names no longer share storage because only one was.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a tensor is not a whole number of blocks of its new type, which has no others.</exception>
    public static Checkpoint Cast(this Checkpoint checkpoint, IReadOnlyList<CastRule> rules, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(ledger);
        Dictionary<DType, DType> targets = [];
        foreach (CastRule rule in rules)
        {
            targets[rule.From] = rule.To;
        }
        List<Tensor> tensors = [];
        OrderedDictionary<DType, NameList> cast = [];
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            if (!targets.TryGetValue(tensor.DType, out DType? target) || target == tensor.DType)
            {
                tensors.Add(tensor);
                continue;
            }
            tensors.Add(Cast(tensor, target));
            cast.TryAdd(tensor.DType, new NameList());
            cast[tensor.DType].Add(tensor.Name);
        }
        foreach ((DType from, NameList names) in cast)
        {
            ledger.Add(LedgerKind.Cast, names.ToString(), $"from {from} to {targets[from]}, as asked for");
        }
        return cast.Count == 0 ? checkpoint : WithoutSplitAliases(checkpoint, tensors, targets, ledger);
    }

    private static Tensor Cast(Tensor tensor, DType target)
    {
        return target.ByteCount(tensor.Shape) is null
            ? throw new WeightFileException(Fault.Unsupported, $"its {(target.Kind == DTypeKind.Quantized ? $"rows of shape {tensor.Shape}" : $"{tensor.Shape.ElementCount} elements")} are not whole blocks of {target}, which are {target.BlockLength} elements each; exclude it or cast to another type", tensor: tensor.Name)
            : new Tensor(tensor.Name, target, tensor.Shape, CastBytes.Create(tensor, target));
    }

    // Two views of one storage under different types share nothing any more once one of them has been cast.
    private static Checkpoint WithoutSplitAliases(Checkpoint checkpoint, List<Tensor> tensors, Dictionary<DType, DType> targets, Ledger ledger)
    {
        HashSet<string> split = new(StringComparer.Ordinal);
        foreach (Alias alias in checkpoint.Aliases)
        {
            (DType dtype, DType first) = (checkpoint.Find(alias.Name)!.DType, checkpoint.Find(alias.Of)!.DType);
            if (dtype != first && (targets.ContainsKey(dtype) || targets.ContainsKey(first)))
            {
                split.Add(alias.Name);
                ledger.Add(LedgerKind.Untied, alias.Name, $"no longer shares storage with {WeightFileException.Quote(alias.Of)}, of which it was a view with another element type, as not both were cast alike");
            }
        }
        return checkpoint.With(tensors, name => split.Contains(name) ? null : name);
    }
}
