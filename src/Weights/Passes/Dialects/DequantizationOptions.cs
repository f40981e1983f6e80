namespace Weights.Passes.Dialects;

/// <summary>What is asked for.</summary>
public sealed record DequantizationOptions
{
    /// <summary>The type of the weights; null for what the reference implementation of each dialect returns.</summary>
    public DType? DType { get; init; }

    /// <summary>What the configuration of the model says.</summary>
    public QuantizationConfig Config { get; init; } = QuantizationConfig.None;

    /// <summary>The dialects that are looked for.</summary>
    public IReadOnlyList<Dialect> Dialects { get; init; } = Dialect.All;

    /// <summary>Names of the weights to unpack; all, where there is none.</summary>
    public IReadOnlyList<Glob> Include { get; init; } = [];

    /// <summary>Names of weights that stay packed.</summary>
    public IReadOnlyList<Glob> Exclude { get; init; } = [];
}

/// <summary>A checkpoint whose weights are plain numbers, made when they are read.</summary>
/// <param name="Checkpoint">The tensors as they will be.</param>
/// <param name="Weights">The weights that were packed, in order, and the type that each has now.</param>
/// <param name="Kept">Names of packed weights that stay as they are, as asked for.</param>
public sealed record DequantizedCheckpoint(Checkpoint Checkpoint, IReadOnlyList<(PackedWeight Packed, Tensor Tensor)> Weights, IReadOnlyCollection<string> Kept);
