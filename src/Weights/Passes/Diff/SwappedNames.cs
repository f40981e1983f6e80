namespace Weights.Passes.Diff;

/// <summary>
/// Finds tensors that go by each other's names: each of a group has, byte for byte, what another of the group had. Only whole groups count,
/// so that every tensor still has one counterpart.
/// </summary>
internal sealed class SwappedNames(Checkpoint a, Checkpoint b, DiffOptions options)
{
    private const int PrefixBytes = 64;

    private readonly PairComparison _pairs = new(b.Origin.Path, a.Origin.Path, options);

    /// <summary>Replaces what is known of such tensors in <paramref name="byName"/>.</summary>
    public void Find(Dictionary<string, TensorDiff> byName)
    {
        List<string> open = [.. byName.Where(static entry => entry.Value.Change is TensorChange.Changed or TensorChange.TypeChanged or TensorChange.ShapeChanged).Select(static entry => entry.Key)];
        Dictionary<string, string> from = From(open);
        foreach (string name in open)
        {
            string next = name;
            while (from.Remove(next, out string? previous))
            {
                byName[next] = new TensorDiff(TensorChange.Renamed, [a.Find(previous)!], [b.Find(next)!]);
                next = previous;
            }
        }
    }

    // From a name to the one that had its content, of groups alone: chains that end are taken off from their ends.
    private Dictionary<string, string> From(List<string> names)
    {
        ILookup<(DType, Shape, string), Tensor> had = names.Select(name => a.Find(name)!).Where(static tensor => tensor.Shape.ElementCount > 0).ToLookup(tensor => Key(tensor, a));
        HashSet<Tensor> taken = [];
        Dictionary<string, string> from = new(StringComparer.Ordinal);
        foreach (Tensor tensor in names.Select(name => b.Find(name)!).Where(static tensor => tensor.Shape.ElementCount > 0))
        {
            options.Cancellation.ThrowIfCancellationRequested();
            if (had[Key(tensor, b)].FirstOrDefault(other => !taken.Contains(other) && other.Name != tensor.Name && _pairs.AreSame(tensor, other)) is { } of)
            {
                taken.Add(of);
                from.Add(tensor.Name, of.Name);
            }
        }
        Queue<string> ends = new(from.Keys.Where(name => !taken.Contains(a.Find(name)!)));
        while (ends.TryDequeue(out string? end))
        {
            if (from.Remove(end, out string? previous))
            {
                ends.Enqueue(previous);
            }
        }
        return from;
    }

    private static (DType, Shape, string) Key(Tensor tensor, Checkpoint of)
    {
        byte[] prefix = new byte[Math.Min(PrefixBytes, tensor.Bytes.Length)];
        PairReader.Read(tensor, of.Origin.Path, 0, prefix);
        return (tensor.DType, tensor.Shape, Convert.ToHexString(prefix));
    }
}
