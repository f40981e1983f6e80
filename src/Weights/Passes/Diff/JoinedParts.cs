namespace Weights.Passes.Diff;

/// <summary>Finds the tensors that stand in a larger one, row after row. Each is taken once.</summary>
internal sealed class JoinedParts
{
    // Of most tensors the first bytes tell them from all others, and these are kept in memory.
    private const int PrefixBytes = 64;

    private readonly PairComparison _pairs;
    private readonly Checkpoint _ofWholes;
    private readonly Dictionary<(DType DType, string Row, ulong Start), List<(Tensor Part, byte[] Prefix)>> _open = [];

    /// <summary>Reads the first bytes of each part.</summary>
    /// <param name="parts">Tensors of <paramref name="ofParts"/>.</param>
    /// <param name="ofParts">What the parts are from.</param>
    /// <param name="ofWholes">What the larger ones are from.</param>
    /// <param name="options">How to compare.</param>
    public JoinedParts(IEnumerable<Tensor> parts, Checkpoint ofParts, Checkpoint ofWholes, DiffOptions options)
    {
        _ofWholes = ofWholes;
        _pairs = new PairComparison(ofParts.Origin.Path, ofWholes.Origin.Path, options);
        foreach (Tensor part in parts.Where(static part => part.Shape.Rank > 0 && part.DType.BlockLength == 1 && part.Bytes.Length > 0))
        {
            byte[] prefix = Prefix(part, ofParts, 0);
            (DType, string, ulong) key = Key(part, prefix);
            if (!_open.TryGetValue(key, out List<(Tensor, byte[])>? alike))
            {
                _open.Add(key, alike = []);
            }
            alike.Add((part, prefix));
        }
    }

    /// <summary>The parts, from the first row to the last; null where they are not all there.</summary>
    public IReadOnlyList<Tensor>? Of(Tensor whole)
    {
        if (whole.Shape.Rank == 0 || whole.DType.BlockLength != 1)
        {
            return null;
        }
        List<Tensor> found = [];
        HashSet<Tensor> taken = [];
        for (long offset = 0; offset < whole.Bytes.Length; offset += found[^1].Bytes.Length)
        {
            if (Next(whole, offset, taken) is not { } next)
            {
                return null;
            }
            found.Add(next);
            taken.Add(next);
        }
        if (found.Count < 2)
        {
            return null;
        }
        foreach (List<(Tensor Part, byte[] Prefix)> alike in _open.Values)
        {
            alike.RemoveAll(open => taken.Contains(open.Part));
        }
        return found;
    }

    private Tensor? Next(Tensor whole, long offset, HashSet<Tensor> taken)
    {
        byte[] prefix = Prefix(whole, _ofWholes, offset);
        return _open.GetValueOrDefault(Key(whole, prefix))?.Find(open =>
            open.Part.Bytes.Length < whole.Bytes.Length && open.Part.Bytes.Length <= whole.Bytes.Length - offset
            && prefix.AsSpan().StartsWith(open.Prefix) && !taken.Contains(open.Part) && IsAt(open.Part, whole, offset)).Part;
    }

    private bool IsAt(Tensor part, Tensor whole, long offset) =>
        _pairs.AreSame(part, new Tensor(whole.Name, part.DType, part.Shape, whole.Bytes.Slice(offset, part.Bytes.Length)));

    private static byte[] Prefix(Tensor tensor, Checkpoint of, long offset)
    {
        byte[] prefix = new byte[Math.Min(PrefixBytes, tensor.Bytes.Length - offset)];
        PairReader.Read(tensor, of.Origin.Path, offset, prefix);
        return prefix;
    }

    // The shape of a row, and the first bytes of an element.
    private static (DType DType, string Row, ulong Start) Key(Tensor tensor, byte[] prefix)
    {
        ulong start = 0;
        foreach (byte part in prefix.AsSpan(0, Math.Min(sizeof(ulong), tensor.DType.BlockBytes)))
        {
            start = (start << 8) | part;
        }
        return (tensor.DType, string.Join(',', tensor.Shape.Dimensions[1..].ToArray()), start);
    }
}
