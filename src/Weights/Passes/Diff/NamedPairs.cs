namespace Weights.Passes.Diff;

/// <summary>Compares tensors that have one name in both checkpoints.</summary>
internal sealed class NamedPairs(Checkpoint a, Checkpoint b, DiffOptions options)
{
    private readonly ContentSearch _search = new(b, a, options.Read, options.Cancellation);

    /// <summary>By name.</summary>
    public Dictionary<string, TensorDiff> Compare()
    {
        List<(Tensor A, Tensor B)> all = [.. b.Tensors.Select(tensor => (A: a.Find(tensor.Name)!, B: tensor)).Where(static pair => pair.A is not null)];
        List<(Tensor A, Tensor B)> ofOneShape = [.. all.Where(static pair => pair.A.Shape == pair.B.Shape)];
        IReadOnlyList<PairResult> results = new PairComparison(a.Origin.Path, b.Origin.Path, options).Compare(ofOneShape);
        Dictionary<string, TensorDiff> diffs = new(StringComparer.Ordinal);
        List<(Tensor A, Tensor B)> ofOther = [.. all.Where(static pair => pair.A.Shape != pair.B.Shape)];
        TensorDiff[] explained = new TensorDiff[all.Count];
        _search.ForEach([.. Enumerable.Range(0, all.Count)], index =>
        {
            int other = index - ofOneShape.Count;
            explained[index] = other < 0 ? OfOneShape(ofOneShape[index].A, ofOneShape[index].B, results[index]) : OfOtherShape(ofOther[other].A, ofOther[other].B);
        });
        foreach (TensorDiff diff in explained)
        {
            diffs.Add(diff.B[0].Name, diff);
        }
        return diffs;
    }

    private TensorDiff OfOneShape(Tensor tensorA, Tensor tensorB, PairResult result)
    {
        TensorDiff Diff(TensorChange change) => new(change, [tensorA], [tensorB]) { Statistics = result.Statistics };
        if (result.IsSame)
        {
            return Diff(TensorChange.Identical);
        }
        if (tensorA.DType != tensorB.DType)
        {
            return Casts.AreEqual(tensorA, tensorB, options) ? Diff(TensorChange.Recast)
                : result.Statistics is { } between && options.Tolerance.Accepts(between) ? Diff(TensorChange.WithinTolerance)
                : Diff(TensorChange.TypeChanged);
        }
        DifferenceStatistics statistics = result.Statistics!;
        // Of whole numbers above 2⁵³ a double does not see the last digits.
        bool isUnseen = statistics.Changed == 0 && tensorA.DType.BlockBytes == sizeof(long) && tensorA.DType.Kind != DTypeKind.Float;
        if (options.Tolerance.Accepts(statistics) && !isUnseen)
        {
            return Diff(TensorChange.WithinTolerance);
        }
        if (Reordering.Relation(tensorA, tensorB, statistics, _search, options) is { } relation)
        {
            return Diff(TensorChange.Permuted) with { Relation = relation };
        }
        return Diff(TensorChange.Changed) with { Rank = options.HasRanks ? DifferenceRank.Of(tensorA, tensorB, options) : null };
    }

    private TensorDiff OfOtherShape(Tensor tensorA, Tensor tensorB)
    {
        ContentRelation? relation = tensorA.Shape.ElementCount == tensorB.Shape.ElementCount ? _search.Relate(tensorB, tensorA) : null;
        TensorChange change = relation is null ? TensorChange.ShapeChanged : relation.Axes.Count == 0 ? TensorChange.Reshaped : TensorChange.Permuted;
        return new TensorDiff(change, [tensorA], [tensorB]) { Relation = relation?.ToString() };
    }
}
