namespace Weights.Passes.Dialects;

/// <summary>The tensors in which dialects look for their weights, and what is known about them.</summary>
/// <param name="checkpoint">The tensors.</param>
/// <param name="config">What a configuration says.</param>
/// <param name="isWanted">Whether a weight of that name is to be unpacked.</param>
internal sealed class PackedTensors(Checkpoint checkpoint, QuantizationConfig config, Func<string, bool> isWanted)
{
    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);
    private readonly HashSet<string> _parts = [.. checkpoint.QuantizedValues.SelectMany(static value => value.Parts)];

    /// <summary>The tensors, and what is known about them.</summary>
    public Checkpoint Checkpoint => checkpoint;

    /// <summary>Those of which the file does not say itself what is made of them.</summary>
    public IEnumerable<Tensor> Unexplained => checkpoint.Tensors.Where(tensor => !_parts.Contains(tensor.Name));

    /// <summary>What a configuration says.</summary>
    public QuantizationConfig Config => config;

    /// <summary>Names of packed weights that stay packed.</summary>
    public IReadOnlyCollection<string> Kept => _kept;

    /// <summary>Whether that weight is to be unpacked; notes it down where not.</summary>
    public bool Wants(string weight)
    {
        bool wants = isWanted(weight);
        if (!wants)
        {
            _kept.Add(weight);
        }
        return wants;
    }

    /// <summary>The tensor of that name, or null.</summary>
    public Tensor? Find(string name) => checkpoint.Find(name);

    /// <summary>The tensor of that name, without which another one means nothing.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: there is none.</exception>
    public Tensor Require(string name, Tensor of) =>
        Find(name) ?? throw new WeightFileException(Fault.Corrupt, $"needs the tensor {WeightFileException.Quote(name)}, which is not there; get all files of the checkpoint", tensor: of.Name);

    /// <summary>Tensors that are called <paramref name="part"/> in their module, with what comes before that: the module's name and a dot, or nothing.</summary>
    public IEnumerable<(Tensor Tensor, string Module)> Named(string part) =>
        from tensor in Unexplained
        where tensor.Name.EndsWith(part, StringComparison.Ordinal) && (tensor.Name.Length == part.Length || tensor.Name[^(part.Length + 1)] == '.')
        select (tensor, tensor.Name[..^part.Length]);

    /// <summary>Tensors whose names end with <paramref name="suffix"/>, with what comes before it.</summary>
    public IEnumerable<(Tensor Tensor, string Start)> Ending(string suffix) =>
        from tensor in Unexplained
        where tensor.Name.Length > suffix.Length && tensor.Name.EndsWith(suffix, StringComparison.Ordinal)
        select (tensor, tensor.Name[..^suffix.Length]);
}
