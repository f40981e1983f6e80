namespace Weights.Passes;

/// <summary>Which of the new tensors goes where in the model.</summary>
internal sealed class GraftPlan(Checkpoint model, Checkpoint weights, GraftOptions options)
{
    private readonly Dictionary<Tensor, Grafted> _grafted = [];
    private readonly Dictionary<Tensor, GraftKept> _kept = [];
    private readonly GraftFit _fit = new(model, weights);

    /// <summary>Tensors that were to have new values and for which there are none, in the model's order.</summary>
    public IReadOnlyList<GraftKept> Kept => [.. model.Tensors.Where(_kept.ContainsKey).Select(tensor => _kept[tensor])];

    /// <summary>What goes to a tensor of the model, or null.</summary>
    public Grafted? For(Tensor tensor) => _grafted.GetValueOrDefault(tensor);

    /// <summary>Makes the plan.</summary>
    public void Make()
    {
        Tensor[] wanted = [.. model.Tensors.Where(tensor => options.IsReplaced?.Invoke(tensor.Name) != false)];
        ByMap(wanted);
        ByName(wanted);
        Tensor[] open = [.. wanted.Where(tensor => !_grafted.ContainsKey(tensor) && !_fit.IsRefused(tensor))];
        if (options.Old is { } old)
        {
            new GraftByContent(model, weights, old, options, _fit).Find(open, _grafted, _kept);
        }
        else
        {
            foreach (Tensor tensor in open)
            {
                _kept[tensor] = new GraftKept(tensor, $"no such name in {weights.Origin.Path}; --map says what goes there, --from finds it by the values that the model has now", []);
            }
        }
        Tie(wanted);
        _fit.Check();
        if (_grafted.Count == 0)
        {
            string advice = options.Old is null ? "--from takes the weights that the model has now and finds each by its values, --map a list of pairs of names" : "--map takes a list of pairs of names";
            throw new WeightFileException(Fault.Unsupported, $"none of the {wanted.Length:N0} tensors to be replaced has a match among the {weights.Tensors.Count:N0} of {Printable.Escape(weights.Origin.Path)}; {advice}");
        }
    }

    private void ByMap(Tensor[] wanted)
    {
        foreach (GraftMap.Entry entry in options.Map?.Entries ?? [])
        {
            if (model.Find(entry.Model) is null)
            {
                throw options.Map!.Refuse(entry.Line, $"the model {Printable.Escape(model.Origin.Path)} has no tensor {WeightFileException.Quote(entry.Model)}; 'weights inspect' lists its names");
            }
            if (weights.Find(entry.Weights) is null)
            {
                throw options.Map!.Refuse(entry.Line, $"{Printable.Escape(weights.Origin.Path)} has no tensor {WeightFileException.Quote(entry.Weights)}; 'weights inspect' lists its names");
            }
        }
        foreach (Tensor tensor in wanted)
        {
            if (options.Map?.For(tensor.Name) is { } entry)
            {
                Tensor from = weights.Find(entry.Weights)!;
                Put(tensor, from, GraftMethod.Map, entry.IsTransposed ? _fit.Transposed(tensor, from) : _fit.AsItIs(tensor, from));
            }
        }
    }

    // A square matrix fits either way round, and only the old values tell; they also tell a type or shape that changed on the way into the model.
    private void ByName(Tensor[] wanted)
    {
        List<(Tensor Tensor, Tensor From)> pairs = [.. wanted.Where(tensor => options.Map?.For(tensor.Name) is null && weights.Find(tensor.Name) is not null).Select(tensor => (tensor, weights.Find(tensor.Name)!))];
        ContentRelation?[] known = new ContentRelation?[pairs.Count];
        if (options.Old is { } old)
        {
            ContentSearch search = new(model, old, options.Read, options.Cancellation);
            search.ForEach([.. Enumerable.Range(0, pairs.Count)], index =>
            {
                (Tensor tensor, Tensor from) = pairs[index];
                if (old.Find(tensor.Name) is { } before && before.Shape == from.Shape && (from.DType == before.DType || from.DType == tensor.DType) && (tensor.DType != from.DType || tensor.Shape != from.Shape || ContentRelation.Permutations(from.DType, from.Shape, tensor.DType, tensor.Shape).Count > 0))
                {
                    known[index] = search.Relate(tensor, before)?.For(from.DType, tensor.DType);
                }
            });
        }
        for (int index = 0; index < pairs.Count; index++)
        {
            (Tensor tensor, Tensor from) = pairs[index];
            Put(tensor, from, GraftMethod.Name, known[index] ?? _fit.AsItIs(tensor, from));
        }
    }

    // A name for the same tensor, for which nothing was found, gets what the other got: they would no longer be one otherwise.
    private void Tie(Tensor[] wanted)
    {
        IReadOnlyDictionary<string, string> sameAs = model.SameAs();
        Dictionary<string, Grafted> firsts = new(StringComparer.Ordinal);
        foreach (Tensor tensor in model.Tensors)
        {
            if (_grafted.TryGetValue(tensor, out Grafted? grafted))
            {
                firsts.TryAdd(sameAs.GetValueOrDefault(tensor.Name, tensor.Name), grafted);
            }
        }
        foreach (Tensor tensor in wanted.Where(tensor => !_grafted.ContainsKey(tensor) && !_fit.IsRefused(tensor)))
        {
            if (firsts.TryGetValue(sameAs.GetValueOrDefault(tensor.Name, tensor.Name), out Grafted? first) && (first.Tensor.DType, first.Tensor.Shape) == (tensor.DType, tensor.Shape))
            {
                _grafted.Add(tensor, first with { Tensor = tensor, By = GraftMethod.Tie });
                _kept.Remove(tensor);
            }
        }
    }

    private void Put(Tensor tensor, Tensor from, GraftMethod by, ContentRelation? relation)
    {
        if (relation is not null)
        {
            _grafted.Add(tensor, new Grafted(tensor, from, by, relation));
        }
    }
}
