namespace Weights.Passes.Diff;

/// <summary>Finds out what has become of tensors whose names only one checkpoint has: renamed, split into rows or fused from rows, gone or new.</summary>
internal sealed class MovedTensors(Checkpoint a, Checkpoint b, DiffOptions options)
{
    private readonly List<TensorDiff> _found = [];

    /// <summary>One entry for each, or for each group that belongs together.</summary>
    public List<TensorDiff> Find()
    {
        List<Tensor> onlyA = [.. a.Tensors.Where(tensor => b.Find(tensor.Name) is null)];
        List<Tensor> onlyB = [.. b.Tensors.Where(tensor => a.Find(tensor.Name) is null)];
        if (onlyA.Count > 0 && onlyB.Count > 0)
        {
            FindRenamed(onlyA, onlyB);
            FindJoined(new JoinedParts(onlyA, a, b, options), onlyA, onlyB, static (whole, parts) => new TensorDiff(TensorChange.Fused, parts, [whole]));
            FindJoined(new JoinedParts(onlyB, b, a, options), onlyB, onlyA, static (whole, parts) => new TensorDiff(TensorChange.Split, [whole], parts));
        }
        _found.AddRange(onlyB.Select(static tensor => new TensorDiff(TensorChange.OnlyInB, [], [tensor])));
        _found.AddRange(onlyA.Select(static tensor => new TensorDiff(TensorChange.OnlyInA, [tensor], [])));
        return _found;
    }

    // Tensors of one content under several names are dealt out in their order.
    private void FindRenamed(List<Tensor> onlyA, List<Tensor> onlyB)
    {
        Checkpoint within = a.With(onlyA);
        IReadOnlyList<ContentMatch> matches = ContentMatch.Find(onlyB, b, within, options.Read, options.Cancellation);
        HashSet<Tensor> gone = [];
        HashSet<Tensor> found = [];
        Dictionary<ContentCandidates, int> next = [];
        // Those that are certain first, so that none of the others takes what is theirs.
        foreach (ContentMatch match in matches.Where(static match => match.Of is not null).Concat(matches.Where(static match => match is { Of: null, Group: not null })))
        {
            Tensor? of = match.Of is { } certain && !gone.Contains(certain) ? certain : Next(match, next, gone);
            if (of is not null)
            {
                gone.Add(of);
                found.Add(match.Tensor);
                ContentRelation relation = match.Group!.RelationTo(match.Tensor, of);
                _found.Add(new TensorDiff(TensorChange.Renamed, [of], [match.Tensor]) { Relation = relation.IsAsItIs ? null : relation.ToString() });
            }
        }
        onlyA.RemoveAll(gone.Contains);
        onlyB.RemoveAll(found.Contains);
    }

    private static Tensor? Next(ContentMatch match, Dictionary<ContentCandidates, int> next, HashSet<Tensor> gone)
    {
        int index = next.GetValueOrDefault(match.Group!);
        while (index < match.Candidates.Count && gone.Contains(match.Candidates[index]))
        {
            index++;
        }
        next[match.Group!] = index;
        return index < match.Candidates.Count ? match.Candidates[index] : null;
    }

    private void FindJoined(JoinedParts joined, List<Tensor> parts, List<Tensor> wholes, Func<Tensor, IReadOnlyList<Tensor>, TensorDiff> diff)
    {
        HashSet<Tensor> done = [];
        foreach (Tensor whole in wholes)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            if (joined.Of(whole) is { } found)
            {
                _found.Add(diff(whole, found));
                done.UnionWith([whole, .. found]);
            }
        }
        wholes.RemoveAll(done.Contains);
        parts.RemoveAll(done.Contains);
    }
}
