namespace Weights.Passes;

/// <summary>What the ledger is told about names that were taken from another checkpoint.</summary>
internal sealed class NamesFromLedger(Checkpoint checkpoint, Checkpoint names, bool asThere, NameAssignment assignment, IReadOnlyDictionary<string, string> newNames)
{
    private readonly string _file = names.Origin.Path;

    /// <summary>One entry for everything that happened for one reason.</summary>
    public void Tell(Ledger ledger)
    {
        OrderedDictionary<(LedgerKind Kind, string Reason), NameList> entries = [];
        void Add(LedgerKind kind, string name, string reason)
        {
            entries.TryAdd((kind, reason), new NameList());
            entries[(kind, reason)].Add(name);
        }
        TellRenamed(ledger);
        foreach (ContentMatch match in assignment.Matches)
        {
            string name = newNames[match.Tensor.Name];
            if (assignment.For(match.Tensor) is not { Relation: { } relation })
            {
                Add(LedgerKind.Kept, name, WhyKept(match));
                continue;
            }
            if (asThere && (relation.Axes.Count > 0 || relation.IsReshaped))
            {
                Add(LedgerKind.Restated, name, $"{Form(relation)} in {checkpoint.Origin.Path}, turned back to what it is in {_file}");
            }
            if (relation.CastFrom is { } type)
            {
                Add(LedgerKind.Kept, name, $"is {match.Tensor.DType}, {type} in {_file}; --cast {match.Tensor.DType}={type} would give it that type, but not what was rounded off");
            }
        }
        foreach ((string name, ContentMatch match) in assignment.Further)
        {
            string first = newNames[match.Tensor.Name];
            Add(
                asThere ? LedgerKind.Renamed : LedgerKind.LeftOut,
                name,
                asThere ? $"has the content of {WeightFileException.Quote(first)} in {_file}, and is written under both names" : $"in {_file} another name of {WeightFileException.Quote(first)}, which has one name only");
        }
        foreach (Tensor tensor in names.Tensors.Where(tensor => !assignment.Taken.ContainsKey(tensor.Name) && !assignment.Further.ContainsKey(tensor.Name)))
        {
            Add(LedgerKind.LeftOut, tensor.Name, $"in {_file}, but no tensor of {checkpoint.Origin.Path} was found to be it");
        }
        foreach (((LedgerKind kind, string reason), NameList list) in entries)
        {
            ledger.Add(kind, list.ToString(), reason);
        }
    }

    private void TellRenamed(Ledger ledger)
    {
        NameList renamed = new();
        string? first = null;
        foreach (Tensor tensor in checkpoint.Tensors.Where(tensor => newNames[tensor.Name] != tensor.Name))
        {
            first ??= newNames[tensor.Name];
            renamed.Add(tensor.Name);
        }
        if (first is not null)
        {
            ledger.Add(LedgerKind.Renamed, renamed.ToString(), $"by {(renamed.Count == 1 ? "its" : "their")} content in {_file}; {(renamed.Count == 1 ? "now" : "the first is now")} {WeightFileException.Quote(first)}");
        }
    }

    private string WhyKept(ContentMatch match)
    {
        if (match.Candidates.Count == 0)
        {
            return $"under its name: {_file} has nothing of its content";
        }
        NameList candidates = new();
        foreach (Tensor candidate in match.Candidates)
        {
            candidates.Add(candidate.Name);
        }
        return match.Of is not null || (asThere && !match.IsSlight) ? $"under its name: {candidates} of {_file} is another tensor of the same content"
            : match.IsSlight ? $"under its name: a single whole number says too little to be {candidates} of {_file}"
            : $"under its name: it has the content of {candidates} of {_file} alike, and nothing tells which it is";
    }

    private static string Form(ContentRelation relation) => relation.For(relation.DType, relation.DType) is { } form ? form.ToString() : relation.ToString();
}
