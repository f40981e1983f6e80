namespace Weights.Passes.Dialects;

/// <summary>A dialect of graphs, which say themselves which weights are made of which tensors.</summary>
/// <param name="kind">How it makes them.</param>
internal abstract class GraphDialect(QuantizedValueKind kind) : Dialect
{
    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        ILookup<bool, QuantizedValue> values = tensors.Checkpoint.QuantizedValues.Where(value => value.Kind == kind).ToLookup(value => tensors.Wants(value.Name));
        HashSet<string> needed = [.. values[false].SelectMany(static value => value.Parts), .. values[true].SelectMany(static value => value.Shared)];
        foreach (QuantizedValue value in values[true])
        {
            Tensor[] parts = [.. value.Parts.Distinct().Select(part => tensors.Find(part)!)];
            yield return Unpack(value, tensors) with { Parts = parts, Staying = [.. parts.Where(part => needed.Contains(part.Name))], IsExplicit = true };
        }
    }

    /// <summary>A weight of what it is made of.</summary>
    protected abstract PackedWeight Unpack(QuantizedValue value, PackedTensors tensors);

    /// <summary>A weight, but for its parts, which are those of the value.</summary>
    protected PackedWeight Weight(QuantizedValue value, string description, Tensor tensor) => new() { Dialect = Name, Description = description, Parts = [], Tensor = tensor, DType = value.DType };
}
