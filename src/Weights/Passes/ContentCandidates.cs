namespace Weights.Passes;

/// <summary>The tensors of a checkpoint that have one content, in their order, found by name and by the module that they are in.</summary>
internal sealed class ContentCandidates
{
    private readonly OrderedDictionary<string, Tensor> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Tensor>> _byParent = new(StringComparer.Ordinal);
    private readonly Dictionary<Tensor, ContentRelation> _relations = [];

    /// <summary>All of them.</summary>
    public IReadOnlyList<Tensor> Tensors => _byName.Values;

    /// <summary>Adds one, unless it is there: of several relations the first, which is the simplest, counts.</summary>
    public void Add(Tensor tensor, ContentRelation relation)
    {
        if (!_byName.TryAdd(tensor.Name, tensor))
        {
            return;
        }
        _relations.Add(tensor, relation);
        if (Parent(tensor.Name) is { } parent)
        {
            if (!_byParent.TryGetValue(parent, out List<Tensor>? children))
            {
                _byParent.Add(parent, children = []);
            }
            children.Add(tensor);
        }
    }

    /// <summary>The one of that name, or null.</summary>
    public Tensor? Named(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Those in a module.</summary>
    public IReadOnlyList<Tensor> In(string parent) => _byParent.GetValueOrDefault(parent) ?? [];

    /// <summary>How <paramref name="tensor"/>, whose content they have, comes from one of them.</summary>
    public ContentRelation RelationTo(Tensor tensor, Tensor candidate) => Between(tensor, candidate, _relations[candidate]);

    /// <summary>The module that a tensor is in: its name up to the last dot; null without one.</summary>
    public static string? Parent(string name) => name.LastIndexOf('.') is > 0 and int dot ? name[..dot] : null;

    // Tensors of one content may have it under several shapes, such as [64, 32] and [64, 32, 1, 1].
    private static ContentRelation Between(Tensor tensor, Tensor candidate, ContentRelation relation)
    {
        if (relation.Shape == tensor.Shape)
        {
            return relation;
        }
        if (relation.Axes.Count == 0)
        {
            return ContentRelation.InOrder(candidate.DType, candidate.Shape, tensor.DType, tensor.Shape)!;
        }
        int[] order = [.. relation.Axes.Where(axis => candidate.Shape[axis] != 1)];
        return ContentRelation.Permutations(candidate.DType, candidate.Shape, tensor.DType, tensor.Shape)
            .First(other => other.Axes.Where(axis => candidate.Shape[axis] != 1).SequenceEqual(order));
    }
}
