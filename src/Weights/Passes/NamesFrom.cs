namespace Weights.Passes;

/// <summary>Gives tensors the names that another checkpoint has for their content.</summary>
public static class NamesFrom
{
    /// <summary>
    /// The same tensors; each whose content <paramref name="names"/> has is called as it is there. Those that match nothing keep their names.
    /// </summary>
    /// <param name="checkpoint">What gets other names.</param>
    /// <param name="names">Where the names are from.</param>
    /// <param name="asThere">
    /// Whether the result is to be like <paramref name="names"/>: shapes and axes turned back, in its order, with every name that it has for a content. Otherwise
    /// nothing but names changes.
    /// </param>
    /// <param name="ledger">Is told what was renamed, turned back, not found and found in more than one place.</param>
    /// <param name="read">Is told, from any thread, how many bytes more have been read.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: nothing is found, or two tensors would have one name. <see cref="Fault.Corrupt"/>: stored bytes are broken.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    public static Checkpoint NameAs(this Checkpoint checkpoint, Checkpoint names, bool asThere, Ledger ledger, Action<long>? read = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(ledger);
        NameAssignment assignment = new(names, asThere, ContentMatch.Find(checkpoint.Tensors, checkpoint, names, read, cancellation));
        if (assignment.Taken.Count == 0)
        {
            throw new WeightFileException(Fault.Unsupported, $"none of its {checkpoint.Tensors.Count:N0} tensors has the content of one of the {names.Tensors.Count:N0} of {Printable.Escape(names.Origin.Path)}; --names-from takes the checkpoint that it was made of");
        }
        Dictionary<string, string> newNames = NewNames(checkpoint, assignment);
        new NamesFromLedger(checkpoint, names, asThere, assignment, newNames).Tell(ledger);
        if (!asThere)
        {
            return checkpoint.With(checkpoint.Tensors.Select(tensor => newNames[tensor.Name] is { } name && name != tensor.Name ? tensor.Rename(name) : tensor), newNames.GetValueOrDefault);
        }
        Checkpoint renamed = checkpoint.With(checkpoint.Tensors.Select(tensor => TurnedBack(tensor, newNames[tensor.Name], assignment)), newNames.GetValueOrDefault);
        return Ordered(renamed, names, assignment, newNames);
    }

    private static Dictionary<string, string> NewNames(Checkpoint checkpoint, NameAssignment assignment)
    {
        Dictionary<string, string> newNames = new(StringComparer.Ordinal);
        Dictionary<string, string> oldNames = new(StringComparer.Ordinal);
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            string name = assignment.For(tensor)?.Of?.Name ?? tensor.Name;
            if (!oldNames.TryAdd(name, tensor.Name))
            {
                throw new WeightFileException(Fault.Unsupported, $"the tensors {WeightFileException.Quote(oldNames[name])} and {WeightFileException.Quote(tensor.Name)} would both be named {WeightFileException.Quote(name)}; exclude one of them");
            }
            newNames.Add(tensor.Name, name);
        }
        return newNames;
    }

    private static Tensor TurnedBack(Tensor tensor, string name, NameAssignment assignment)
    {
        if (assignment.For(tensor)?.Relation is not { } relation)
        {
            return tensor;
        }
        ContentRelation back = relation.Back();
        return new Tensor(name, tensor.DType, back.Shape, back.Apply(tensor.Bytes));
    }

    // The other checkpoint's tensors in its order, further names of one tensor as such, then the rest.
    private static Checkpoint Ordered(Checkpoint renamed, Checkpoint names, NameAssignment assignment, Dictionary<string, string> newNames)
    {
        List<Tensor> ordered = [];
        IReadOnlyDictionary<string, string> sameAs = names.SameAs();
        Dictionary<string, string> firsts = new(renamed.SameAs(), StringComparer.Ordinal);
        foreach (Tensor named in names.Tensors)
        {
            if (assignment.Taken.ContainsKey(named.Name))
            {
                ordered.Add(renamed.Find(named.Name)!);
            }
            else if (assignment.Further.TryGetValue(named.Name, out ContentMatch? shared))
            {
                string first = newNames[shared.Tensor.Name];
                ContentRelation back = shared.Relation!.Back();
                ordered.Add(new Tensor(named.Name, shared.Tensor.DType, back.Shape, back.Apply(shared.Tensor.Bytes)));
                // Equal content is one tensor only where the other checkpoint says so: two layers' zeros are not tied.
                if (sameAs.GetValueOrDefault(first, first) == sameAs.GetValueOrDefault(named.Name, named.Name))
                {
                    firsts.Add(named.Name, firsts.GetValueOrDefault(first, first));
                }
            }
        }
        HashSet<string> done = [.. ordered.Select(static tensor => tensor.Name)];
        ordered.AddRange(renamed.Tensors.Where(tensor => !done.Contains(tensor.Name)));
        IReadOnlyList<Alias> overlapping = [.. renamed.Aliases.Where(static alias => alias.Kind == AliasKind.Overlapping)];
        return renamed.With(ordered).WithAliases(Aliases(ordered, firsts, overlapping));
    }

    // An alias is of an earlier tensor, and which one is earlier has changed. Tensors that were turned differently are no longer one.
    private static List<Alias> Aliases(List<Tensor> ordered, Dictionary<string, string> firsts, IReadOnlyList<Alias> overlapping)
    {
        List<Alias> aliases = [];
        Dictionary<(string, DType, Shape), string> earliest = [];
        Dictionary<string, int> places = new(StringComparer.Ordinal);
        foreach (Tensor tensor in ordered)
        {
            places.Add(tensor.Name, places.Count);
            (string, DType, Shape) group = (firsts.GetValueOrDefault(tensor.Name, tensor.Name), tensor.DType, tensor.Shape);
            if (!earliest.TryAdd(group, tensor.Name))
            {
                aliases.Add(new Alias(tensor.Name, earliest[group], AliasKind.Same));
            }
        }
        aliases.AddRange(overlapping.Select(alias => places[alias.Name] > places[alias.Of] ? alias : new Alias(alias.Of, alias.Name, alias.Kind)));
        return aliases;
    }
}
