namespace Weights.Passes;

/// <summary>Which names of the model still share storage once some have new values.</summary>
internal sealed class GraftTies(Checkpoint model, Checkpoint weights, GraftOptions options)
{
    private readonly IReadOnlyDictionary<string, string> _sameAs = weights.SameAs();

    /// <summary>The aliases that are left; the ledger is told of the others.</summary>
    public IReadOnlyList<Alias> Remaining(GraftPlan plan, Ledger ledger)
    {
        List<Alias> remaining = [];
        foreach (Alias alias in model.Aliases)
        {
            (Tensor name, Tensor of) = (model.Find(alias.Name)!, model.Find(alias.Of)!);
            if (Shares(alias.Kind, plan.For(name), plan.For(of)))
            {
                remaining.Add(alias);
            }
            else
            {
                ledger.Add(LedgerKind.Untied, alias.Name, $"no longer shares storage with {WeightFileException.Quote(alias.Of)}: their new values are not one tensor's");
            }
        }
        return remaining;
    }

    private bool Shares(AliasKind kind, Grafted? name, Grafted? of)
    {
        if (name is null || of is null || kind == AliasKind.Overlapping)
        {
            return name is null && of is null;
        }
        if (name.Relation.ToString() != of.Relation.ToString() || name.From.DType != of.From.DType || name.From.Shape != of.From.Shape)
        {
            return false;
        }
        string First(Tensor tensor) => _sameAs.GetValueOrDefault(tensor.Name, tensor.Name);
        return First(name.From) == First(of.From)
            || new ContentSearch(weights, weights, options.Read, options.Cancellation).AreEqual(weights, name.From, name.From.Bytes, weights, of.From, of.From.Bytes);
    }
}
