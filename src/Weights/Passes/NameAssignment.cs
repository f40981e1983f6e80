namespace Weights.Passes;

/// <summary>Which tensor gets which name of another checkpoint, no name twice.</summary>
internal sealed class NameAssignment
{
    private readonly Dictionary<Tensor, ContentMatch> _byTensor = [];

    /// <summary>Assigns names.</summary>
    /// <param name="names">The other checkpoint.</param>
    /// <param name="anyWillDo">Whether names for equal contents may be dealt out in order where nothing tells which is whose.</param>
    /// <param name="matches">What was found, for every tensor.</param>
    public NameAssignment(Checkpoint names, bool anyWillDo, IReadOnlyList<ContentMatch> matches)
    {
        Matches = matches;
        IReadOnlyDictionary<string, string> sameAs = names.SameAs();
        foreach (ContentMatch match in matches.Where(static match => match.Of is { } of && of.Name == match.Tensor.Name))
        {
            Assign(match, match.Of!); // Nobody takes a name from whoever has it.
        }
        foreach (ContentMatch match in matches.Where(match => !_byTensor.ContainsKey(match.Tensor)))
        {
            if (match.Of is { } of)
            {
                Assign(match, of);
            }
            else if (match.Candidates.Count > 1 && OneTensor(match, sameAs) is { } first)
            {
                Assign(match.Decide(first), first);
            }
        }
        if (anyWillDo)
        {
            Deal(matches);
        }
        foreach (ContentMatch match in matches)
        {
            IEnumerable<Tensor> others = _byTensor.GetValueOrDefault(match.Tensor)?.Of is { } own && !anyWillDo
                ? match.Candidates.Where(other => First(other) == First(own))
                : anyWillDo && _byTensor.ContainsKey(match.Tensor) && _seen.Add(match.Group!) ? match.Candidates : [];
            foreach (Tensor other in others.Where(other => !Taken.ContainsKey(other.Name)))
            {
                Further.TryAdd(other.Name, match.Decide(other));
            }
        }
        string First(Tensor tensor) => sameAs.GetValueOrDefault(tensor.Name, tensor.Name);
    }

    private readonly HashSet<ContentCandidates> _seen = [];

    /// <summary>What was found for every tensor.</summary>
    public IReadOnlyList<ContentMatch> Matches { get; }

    /// <summary>Names that a tensor gets, with the tensor.</summary>
    public Dictionary<string, Tensor> Taken { get; } = new(StringComparer.Ordinal);

    /// <summary>Further names for the content of a tensor that has one of them.</summary>
    public Dictionary<string, ContentMatch> Further { get; } = new(StringComparer.Ordinal);

    /// <summary>The match by which a tensor gets a name, or null.</summary>
    public ContentMatch? For(Tensor tensor) => _byTensor.GetValueOrDefault(tensor);

    // A content has as many names as there are; tensors take them in turn, and those that come later none.
    private void Deal(IReadOnlyList<ContentMatch> matches)
    {
        Dictionary<ContentCandidates, int> next = [];
        foreach (ContentMatch match in matches.Where(match => match.Group is not null && !_byTensor.ContainsKey(match.Tensor) && !match.IsSlight))
        {
            int index = next.GetValueOrDefault(match.Group!);
            while (index < match.Candidates.Count && Taken.ContainsKey(match.Candidates[index].Name))
            {
                index++;
            }
            if (index < match.Candidates.Count)
            {
                Assign(match.Decide(match.Candidates[index]), match.Candidates[index]);
            }
            next[match.Group!] = index;
        }
    }

    private void Assign(ContentMatch match, Tensor of)
    {
        if (Taken.TryAdd(of.Name, match.Tensor))
        {
            _byTensor.Add(match.Tensor, match);
        }
    }

    private static Tensor? OneTensor(ContentMatch match, IReadOnlyDictionary<string, string> sameAs)
    {
        Tensor first = match.Candidates[0];
        string name = sameAs.GetValueOrDefault(first.Name, first.Name);
        return match.IsSlight || match.Candidates.Any(other => sameAs.GetValueOrDefault(other.Name, other.Name) != name) ? null : first;
    }
}
