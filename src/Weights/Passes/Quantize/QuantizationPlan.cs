using Weights.Passes.Dialects;

namespace Weights.Passes.Quantize;

/// <summary>What becomes of a tensor.</summary>
/// <param name="Tensor">As it is.</param>
/// <param name="DType">The type that it gets; its own where it stays.</param>
/// <param name="Reason">Why it is not the scheme's usual type; null where it is, or where a mixture says so.</param>
public sealed record PlannedTensor(Tensor Tensor, DType DType, string? Reason)
{
    /// <summary>Whether it changes.</summary>
    public bool IsChanged => DType != Tensor.DType;
}

/// <summary>What is asked for beside a scheme.</summary>
public sealed record QuantizationOptions
{
    /// <summary>The scheme.</summary>
    public required QuantizationScheme Scheme { get; init; }

    /// <summary>Tensors that are quantised although their name or shape is not that of a usual weight; only they, where there are any.</summary>
    public IReadOnlyList<Glob> Include { get; init; } = [];

    /// <summary>Tensors that stay as they are.</summary>
    public IReadOnlyList<Glob> Exclude { get; init; } = [];

    /// <summary>Types of certain tensors; the first that matches counts.</summary>
    public IReadOnlyList<TypeOverride> Overrides { get; init; } = [];

    /// <summary>Weights that were packed before, by name.</summary>
    public IReadOnlyDictionary<string, PackedWeight> Before { get; init; } = new Dictionary<string, PackedWeight>(StringComparer.Ordinal);

    /// <summary>How much each column matters; null where that is not known.</summary>
    public ImportanceMatrix? Importances { get; init; }
}

/// <summary>Which tensors get which type.</summary>
public static class QuantizationPlan
{
    /// <summary>Decides for every tensor of a checkpoint, in its order.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a type is asked for by name where rows are not whole blocks of it.</exception>
    public static IReadOnlyList<PlannedTensor> Of(Checkpoint checkpoint, QuantizationOptions options)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        Dictionary<string, PlannedTensor> planned = new(StringComparer.Ordinal);
        List<Tensor> matrices = [];
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            if (Kept(tensor, options) is { } kept)
            {
                planned[tensor.Name] = kept;
            }
            else
            {
                matrices.Add(tensor);
            }
        }
        // What is counted in the rules of mixtures is counted in this order.
        matrices.Sort(static (left, right) => TensorRoles.Layer(left.Name).CompareTo(TensorRoles.Layer(right.Name)) is not 0 and var order ? order : string.CompareOrdinal(left.Name, right.Name));
        int values = checkpoint.Tensors.Count(static tensor => TensorRoles.Of(tensor.Name) == TensorRole.AttentionValue);
        MixtureRules rules = new(options.Scheme, ModelFacts.Of(checkpoint), values, options.Importances is not null);
        foreach (Tensor tensor in matrices)
        {
            planned[tensor.Name] = Planned(tensor, options, rules);
        }
        return [.. checkpoint.Tensors.Select(tensor => planned[tensor.Name])];
    }

    private static PlannedTensor? Kept(Tensor tensor, QuantizationOptions options)
    {
        if (tensor.DType.Kind is not (DTypeKind.Float or DTypeKind.Quantized))
        {
            return new PlannedTensor(tensor, tensor.DType, "no floating-point numbers");
        }
        if (options.Overrides.Any(rule => rule.Glob.IsMatchOfLayer(tensor.Name)))
        {
            return null;
        }
        if (options.Exclude.FirstOrDefault(glob => glob.IsMatchOfLayer(tensor.Name)) is { } excluded)
        {
            return new PlannedTensor(tensor, tensor.DType, $"excluded by {WeightFileException.Quote(excluded.ToString())}");
        }
        string? reason = options.Include.Count == 0 ? TensorRoles.ReasonToKeep(tensor) : options.Include.Any(glob => glob.IsMatchOfLayer(tensor.Name)) ? null : "not included";
        return reason is null ? null : new PlannedTensor(tensor, tensor.DType, reason);
    }

    private static PlannedTensor Planned(Tensor tensor, QuantizationOptions options, MixtureRules rules)
    {
        TypeOverride? named = options.Overrides.FirstOrDefault(rule => rule.Glob.IsMatchOfLayer(tensor.Name));
        DType wanted = named?.DType ?? (options.Scheme.IsMixture ? rules.Choose(tensor) : options.Scheme.DType);
        DType dtype = wanted;
        string? reason = named is null ? null : $"named by {WeightFileException.Quote(named.ToString())}";
        if (wanted.ByteCount(tensor.Shape) is null)
        {
            if (named is not null || tensor.Shape.Rank == 0)
            {
                throw new WeightFileException(Fault.Unsupported, $"has shape {tensor.Shape}, whose rows are not whole blocks of {wanted}, which are {wanted.BlockLength} elements each; name another type for it", tensor: tensor.Name);
            }
            long rowLength = tensor.Shape[tensor.Shape.Rank - 1];
            dtype = MixtureRules.Fallback(wanted, rowLength);
            reason = $"rows of {rowLength:N0} are not whole blocks of {wanted}";
            if (dtype.Kind != DTypeKind.Quantized && tensor.DType.Kind == DTypeKind.Float && tensor.DType.BitsPerElement <= dtype.BitsPerElement)
            {
                dtype = tensor.DType;
            }
        }
        return new PlannedTensor(tensor, dtype, reason);
    }

    /// <summary>Passes if there are importances for every tensor that needs them: types of very few bits are of no use without, even those that can be encoded.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: there are none. <see cref="Fault.Corrupt"/>: they are of a tensor of another shape.</exception>
    internal static void RequireImportances(PlannedTensor planned, QuantizationOptions options)
    {
        (Tensor tensor, DType dtype) = (planned.Tensor, planned.DType);
        bool isEnd = TensorRoles.Of(tensor.Name) is TensorRole.Output or TensorRole.TokenEmbedding;
        bool isPoor = !isEnd && (dtype == DType.IQ3_XXS || dtype == DType.IQ2_S || dtype == DType.IQ1_M || (dtype == DType.Q2_K && options.Scheme.Name == "q2_k_s"));
        if (!(isPoor || QuantizationScheme.NeedsImportances(dtype)) || tensor.DType == dtype)
        {
            return;
        }
        if (options.Importances?.For(tensor) is null)
        {
            string problem = options.Importances is null ? "give them with --imatrix" : "the importance matrix has none for it";
            throw new WeightFileException(Fault.Unsupported, $"cannot become {dtype} without importances of its columns: {problem}, or choose a scheme of more bits", tensor: tensor.Name);
        }
    }
}
