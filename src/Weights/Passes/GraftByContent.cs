namespace Weights.Passes;

/// <summary>Finds what goes where by the values that the model has now: the old tensor with a content has the name of the new one.</summary>
internal sealed class GraftByContent(Checkpoint model, Checkpoint weights, Checkpoint old, GraftOptions options, GraftFit fit)
{
    private readonly Dictionary<ContentCandidates, Tensor?> _interchangeable = [];

    /// <summary>Finds what goes to each of the tensors, or why nothing does.</summary>
    public void Find(IReadOnlyList<Tensor> tensors, Dictionary<Tensor, Grafted> grafted, Dictionary<Tensor, GraftKept> kept)
    {
        foreach (ContentMatch found in ContentMatch.Find(tensors, model, old, options.Read, options.Cancellation))
        {
            ContentMatch match = found is { Of: null, IsSlight: false, Group: { } group } && Interchangeable(group) is { } any ? found.Decide(any) : found;
            if (match.Of is { } of && weights.Find(of.Name) is { } from)
            {
                if (Changed(match, of, from) is { } relation)
                {
                    grafted.Add(match.Tensor, new Grafted(match.Tensor, from, GraftMethod.Content, relation));
                }
            }
            else
            {
                kept.Add(match.Tensor, new GraftKept(match.Tensor, Reason(match), match.Of is null ? match.Candidates : []));
            }
        }
    }

    private ContentRelation? Changed(ContentMatch match, Tensor of, Tensor from)
    {
        if (from.Shape != of.Shape)
        {
            return fit.Refuse(match.Tensor, from, $"of that name {old.Origin.Path} has {of.DType} {of.Shape}, which is what the model has; the new weights are of another network");
        }
        return from.DType == of.DType || from.DType == match.Tensor.DType
            ? match.Relation!.For(from.DType, match.Tensor.DType)
            : fit.Refuse(match.Tensor, from, $"of that name {old.Origin.Path} has {of.DType}; --cast {from.DType}={of.DType} changes the type");
    }

    // Where all old tensors of one content have one content among the new ones, too, it does not matter which of them it is. One
    // that is gone does not count if it was only another name of one that is there.
    private Tensor? Interchangeable(ContentCandidates group)
    {
        if (_interchangeable.TryGetValue(group, out Tensor? known))
        {
            return known;
        }
        IReadOnlyDictionary<string, string> sameAs = old.SameAs();
        string First(Tensor tensor) => sameAs.GetValueOrDefault(tensor.Name, tensor.Name);
        Tensor[] present = [.. group.Tensors.Where(tensor => weights.Find(tensor.Name) is not null)];
        HashSet<string> storages = [.. present.Select(First)];
        ContentSearch search = new(weights, weights, options.Read, options.Cancellation);
        Tensor? any = present.Length > 0 && group.Tensors.All(tensor => storages.Contains(First(tensor))) && present.Skip(1).All(tensor => IsSame(search, present[0].Name, tensor.Name)) ? present[0] : null;
        _interchangeable.Add(group, any);
        return any;
    }

    private bool IsSame(ContentSearch search, string first, string second)
    {
        (Tensor left, Tensor right) = (weights.Find(first)!, weights.Find(second)!);
        return (left.DType, left.Shape) == (right.DType, right.Shape) && search.AreEqual(weights, left, left.Bytes, weights, right, right.Bytes);
    }

    private string Reason(ContentMatch match)
    {
        string file = old.Origin.Path;
        if (match.Of is { } of)
        {
            return $"its values are those of {WeightFileException.Quote(of.Name)} of {file}, which {weights.Origin.Path} does not have";
        }
        if (match.Candidates.Count == 0)
        {
            return $"{file} has nothing of the same values; --map says what goes there";
        }
        NameList names = new();
        foreach (Tensor candidate in match.Candidates)
        {
            names.Add(candidate.Name);
        }
        return match.IsSlight
            ? $"a single whole number says too little to be {names} of {file}; --map says what goes there"
            : $"its values are those of {names} of {file} alike, and nothing tells which; --map says what goes there";
    }
}
