namespace Weights.Passes.Diff;

/// <summary>Finds out what has become of tensors whose names only one checkpoint has: renamed, split into rows or fused from rows, gone or new.</summary>
internal sealed class MovedTensors(Checkpoint a, Checkpoint b, DiffOptions options)
{
    private readonly PairComparison _pairs = new(options);
    private readonly List<TensorDiff> _found = [];

    /// <summary>One entry for each, or for each group that belongs together.</summary>
    public List<TensorDiff> Find()
    {
        List<Tensor> onlyA = [.. a.Tensors.Where(tensor => b.Find(tensor.Name) is null)];
        List<Tensor> onlyB = [.. b.Tensors.Where(tensor => a.Find(tensor.Name) is null)];
        if (onlyA.Count > 0 && onlyB.Count > 0)
        {
            FindRenamed(onlyA, onlyB);
            FindJoined(onlyA, onlyB, TensorChange.Fused);
            FindJoined(onlyB, onlyA, TensorChange.Split);
        }
        _found.AddRange(onlyB.Select(static tensor => new TensorDiff(TensorChange.OnlyInB, [], [tensor])));
        _found.AddRange(onlyA.Select(static tensor => new TensorDiff(TensorChange.OnlyInA, [tensor], [])));
        return _found;
    }

    // Tensors of one content under several names are dealt out in their order.
    private void FindRenamed(List<Tensor> onlyA, List<Tensor> onlyB)
    {
        Checkpoint within = a.With(onlyA);
        HashSet<Tensor> gone = [];
        foreach (ContentMatch match in ContentMatch.Find(onlyB, b, within, options.Read, options.Cancellation))
        {
            Tensor? of = match.Of is { } certain && !gone.Contains(certain) ? certain : match.Candidates.FirstOrDefault(candidate => !gone.Contains(candidate));
            if (of is null)
            {
                continue;
            }
            gone.Add(of);
            ContentRelation relation = match.Group!.RelationTo(match.Tensor, of);
            bool isSame = of.DType == match.Tensor.DType && of.Shape == match.Tensor.Shape && relation.Axes.Count == 0;
            _found.Add(new TensorDiff(TensorChange.Renamed, [of], [match.Tensor]) { Relation = isSame ? null : relation.ToString() });
        }
        HashSet<Tensor> found = [.. _found.Select(static diff => diff.B[0])];
        onlyA.RemoveAll(gone.Contains);
        onlyB.RemoveAll(found.Contains);
    }

    // Which of the parts stand in the whole, one after the other: each begins with bytes by which it is found.
    private void FindJoined(List<Tensor> parts, List<Tensor> wholes, TensorChange change)
    {
        foreach (Tensor whole in wholes.ToArray())
        {
            if (whole.Shape.Rank == 0 || whole.DType.BlockLength != 1 || Parts(whole, parts) is not { } found)
            {
                continue;
            }
            _found.Add(change == TensorChange.Fused ? new TensorDiff(change, found, [whole]) : new TensorDiff(change, [whole], found));
            wholes.Remove(whole);
            parts.RemoveAll(found.Contains);
        }
    }

    private List<Tensor>? Parts(Tensor whole, List<Tensor> parts)
    {
        List<Tensor> open = [.. parts.Where(part => IsRowsOf(part, whole))];
        List<Tensor> found = [];
        long offset = 0;
        while (offset < whole.Bytes.Length)
        {
            Tensor? next = open.Find(part => part.Bytes.Length <= whole.Bytes.Length - offset && IsAt(part, whole, offset));
            if (next is null)
            {
                return null;
            }
            open.Remove(next);
            found.Add(next);
            offset += next.Bytes.Length;
        }
        return found.Count > 1 ? found : null;
    }

    private static bool IsRowsOf(Tensor part, Tensor whole) =>
        part.DType == whole.DType && part.Shape.Rank == whole.Shape.Rank && part.Bytes.Length is > 0 and long length && length < whole.Bytes.Length
        && part.Shape.Dimensions[1..].SequenceEqual(whole.Shape.Dimensions[1..]);

    private bool IsAt(Tensor part, Tensor whole, long offset)
    {
        Tensor range = new(whole.Name, part.DType, part.Shape, whole.Bytes.Slice(offset, part.Bytes.Length));
        return _pairs.AreSame(part, range);
    }
}
