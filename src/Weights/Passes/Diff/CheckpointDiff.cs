namespace Weights.Passes.Diff;

/// <summary>What is different between two checkpoints.</summary>
public sealed class CheckpointDiff
{
    private readonly Tolerance _tolerance;

    private CheckpointDiff(Checkpoint a, Checkpoint b, IReadOnlyList<TensorDiff> tensors, IReadOnlyList<TieDiff> ties, Tolerance tolerance)
    {
        (A, B, Tensors, TieChanges, _tolerance) = (a, b, tensors, ties, tolerance);
        Compared = tensors.Count(static tensor => tensor.A.Count > 0 && tensor.B.Count > 0);
        IsSame = Compared > 0 && tensors.All(IsAccepted);
    }

    /// <summary>The first.</summary>
    public Checkpoint A { get; }

    /// <summary>The second.</summary>
    public Checkpoint B { get; }

    /// <summary>Every tensor of both: those of the second in its order, then what only the first has.</summary>
    public IReadOnlyList<TensorDiff> Tensors { get; }

    /// <summary>Names that share a tensor in one and not in the other. The tensors are the same all the same, or are listed.</summary>
    public IReadOnlyList<TieDiff> TieChanges { get; }

    /// <summary>How many tensors have a counterpart.</summary>
    public int Compared { get; }

    /// <summary>Whether something was compared, and everything is the same or as near as was asked for.</summary>
    public bool IsSame { get; }

    /// <summary>Compares two checkpoints.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    /// <exception cref="WeightFileException">The stored bytes of a tensor are broken.</exception>
    public static CheckpointDiff Compare(Checkpoint a, Checkpoint b, DiffOptions options)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(options);
        Dictionary<string, TensorDiff> byName = new NamedPairs(a, b, options).Compare();
        new SwappedNames(a, b, options).Find(byName);
        List<TensorDiff> moved = new MovedTensors(a, b, options).Find();
        Dictionary<Tensor, TensorDiff> places = [];
        foreach (TensorDiff diff in byName.Values.Concat(moved))
        {
            places[diff.B.Count > 0 ? diff.B[0] : diff.A[0]] = diff;
        }
        List<TensorDiff> tensors =
        [
            .. b.Tensors.Where(places.ContainsKey).Select(tensor => places[tensor]),
            .. a.Tensors.Where(tensor => places.GetValueOrDefault(tensor) is { B.Count: 0 }).Select(tensor => places[tensor]),
        ];
        return new CheckpointDiff(a, b, tensors, TieDiffs(a, b), options.Tolerance);
    }

    /// <summary>Whether one of <see cref="Tensors"/> is the same, or as near as was asked for.</summary>
    public bool IsAccepted(TensorDiff tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.Change switch
        {
            TensorChange.Identical or TensorChange.WithinTolerance => true,
            // Whoever asks for a tolerance asks about numbers, and a cast to a narrow type moves them far.
            TensorChange.Recast => _tolerance.IsAny && (tensor.Statistics is null || _tolerance.Accepts(tensor.Statistics)),
            _ => false,
        };
    }

    private static List<TieDiff> TieDiffs(Checkpoint a, Checkpoint b)
    {
        (IReadOnlyDictionary<string, string> tiesA, IReadOnlyDictionary<string, string> tiesB) = (a.SameAs(), b.SameAs());
        List<TieDiff> ties = [];
        ties.AddRange(tiesA.Where(tie => !AreTied(tiesB, tie.Key, tie.Value) && b.Find(tie.Key) is not null && b.Find(tie.Value) is not null).Select(static tie => new TieDiff(tie.Key, tie.Value, false)));
        ties.AddRange(tiesB.Where(tie => !AreTied(tiesA, tie.Key, tie.Value) && a.Find(tie.Key) is not null && a.Find(tie.Value) is not null).Select(static tie => new TieDiff(tie.Key, tie.Value, true)));
        return ties;
    }

    private static bool AreTied(IReadOnlyDictionary<string, string> ties, string left, string right) => ties.GetValueOrDefault(left, left) == ties.GetValueOrDefault(right, right);
}
