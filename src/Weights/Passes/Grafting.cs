namespace Weights.Passes;

/// <summary>Puts the tensors of one checkpoint into another, which keeps everything else that it has.</summary>
public static class Grafting
{
    /// <summary>
    /// The model with other values in it. Each of its tensors gets those of the tensor that a map names; or else of the one with its name; or
    /// else of the one with the name of the old tensor whose content it has, changed in the way in which it differs from that.
    /// </summary>
    /// <param name="model">What gets new values.</param>
    /// <param name="weights">The new values.</param>
    /// <param name="options">How to find out which goes where.</param>
    /// <param name="ledger">Is told what keeps its values and which of the new ones went nowhere.</param>
    /// <exception cref="WeightFileException">
    /// <see cref="Fault.Unsupported"/>: shapes or types do not fit, or nothing goes anywhere. <see cref="Fault.Corrupt"/>: the map names what is not there, or stored
    /// bytes are broken.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    public static GraftResult Graft(this Checkpoint model, Checkpoint weights, GraftOptions options, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ledger);
        GraftPlan plan = new(model, weights, options);
        plan.Make();
        IReadOnlyList<Grafted> replaced = [.. model.Tensors.Select(plan.For).OfType<Grafted>()];
        Dictionary<string, Tensor> tensors = replaced.ToDictionary(static grafted => grafted.Tensor.Name, New, StringComparer.Ordinal);
        Checkpoint result = model.With(model.Tensors.Select(tensor => tensors.GetValueOrDefault(tensor.Name, tensor)));
        GraftTies ties = new(model, weights, options);
        result = result.WithAliases(ties.Remaining(plan, ledger));
        Tensor[] unused = [.. Unused(model, weights, replaced)];
        foreach (IGrouping<string, GraftKept> group in plan.Kept.GroupBy(static kept => kept.Reason))
        {
            NameList names = new();
            foreach (GraftKept kept in group)
            {
                names.Add(kept.Tensor.Name);
            }
            ledger.Add(LedgerKind.Kept, names.ToString(), group.Key);
        }
        if (unused.Length > 0)
        {
            NameList names = new();
            foreach (Tensor tensor in unused)
            {
                names.Add(tensor.Name);
            }
            ledger.Add(LedgerKind.LeftOut, names.ToString(), $"of {weights.Origin.Path}: no tensor of the model takes {(unused.Length == 1 ? "it" : "them")}");
        }
        return new GraftResult(result, replaced, plan.Kept, unused);
    }

    private static Tensor New(Grafted grafted) =>
        new(grafted.Tensor.Name, grafted.Tensor.DType, grafted.Tensor.Shape, grafted.Relation.Apply(grafted.From.Bytes));

    // Another name of a tensor that went somewhere did so too; what a name of the model would take was not asked for.
    private static IEnumerable<Tensor> Unused(Checkpoint model, Checkpoint weights, IReadOnlyList<Grafted> replaced)
    {
        IReadOnlyDictionary<string, string> sameAs = weights.SameAs();
        string First(string name) => sameAs.GetValueOrDefault(name, name);
        HashSet<string> used = [.. replaced.Select(grafted => First(grafted.From.Name))];
        HashSet<string> taken = [.. replaced.Select(static grafted => grafted.Tensor.Name)];
        return weights.Tensors.Where(tensor => !used.Contains(First(tensor.Name)) && (model.Find(tensor.Name) is null || taken.Contains(tensor.Name)));
    }
}
