namespace Weights.Passes.Quantize;

/// <summary>A checkpoint of smaller types, whose tensors are made when they are read.</summary>
/// <param name="Checkpoint">The tensors as they will be.</param>
/// <param name="Tensors">What becomes of each, in order, and what that does to its numbers; those are null where it stays.</param>
public sealed record QuantizedCheckpoint(Checkpoint Checkpoint, IReadOnlyList<(PlannedTensor Planned, QuantizationErrors? Errors)> Tensors);

/// <summary>Gives the matrices of a checkpoint smaller types.</summary>
public static class Quantization
{
    private const string FileTypeKey = "general.file_type";
    private const string VersionKey = "general.quantization_version";
    private const int Version = 2; // Of ggml's blocks, since May 2023.

    /// <summary>The tensors of a plan: streamed, in parallel, each number encoded as its type's specification says.</summary>
    /// <param name="checkpoint">What is quantised.</param>
    /// <param name="options">How.</param>
    /// <param name="ledger">Is told of tensors that were quantised before, and so lose twice, and which names no longer share storage.</param>
    /// <exception cref="WeightFileException">As <see cref="QuantizationPlan.Of"/>, and where a type needs importances that are not there.</exception>
    public static QuantizedCheckpoint Quantize(this Checkpoint checkpoint, QuantizationOptions options, Ledger ledger)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ledger);
        List<(PlannedTensor, QuantizationErrors?)> planned = [];
        List<Tensor> tensors = [];
        NameList twice = new();
        Dictionary<string, DType> types = new(StringComparer.Ordinal);
        foreach (PlannedTensor plan in QuantizationPlan.Of(checkpoint, options))
        {
            types[plan.Tensor.Name] = plan.DType;
            if (!plan.IsChanged)
            {
                planned.Add((plan, null));
                tensors.Add(plan.Tensor);
                continue;
            }
            if (plan.Tensor.DType.Kind == DTypeKind.Quantized)
            {
                twice.Add(plan.Tensor.Name);
            }
            QuantizationPlan.RequireImportances(plan, options);
            QuantizationErrors errors = new();
            planned.Add((plan, errors));
            tensors.Add(new Tensor(plan.Tensor.Name, plan.DType, plan.Tensor.Shape, QuantizedBytes.Create(plan.Tensor, plan.DType, options.Importances?.For(plan.Tensor), errors)));
        }
        if (twice.Count > 0)
        {
            ledger.Add(LedgerKind.Cast, twice.ToString(), "was quantised before, and loses twice; quantise the original instead if you have it");
        }
        Checkpoint quantized = checkpoint.With(tensors);
        // Names that were one tensor and now are of two types share nothing any more.
        Alias[] tied = [.. checkpoint.Aliases.Where(alias => types[alias.Name] == types[alias.Of])];
        if (tied.Length < checkpoint.Aliases.Count)
        {
            Alias untied = checkpoint.Aliases.First(alias => types[alias.Name] != types[alias.Of]);
            ledger.Add(LedgerKind.Untied, untied.Name, $"is {types[untied.Name]} and no longer shares storage with {WeightFileException.Quote(untied.Of)}, which is {types[untied.Of]}");
        }
        quantized = quantized.WithAliases(tied);
        return new QuantizedCheckpoint(WithFileType(quantized, options.Scheme), planned);
    }

    // Readers of GGUF show it; other checkpoints do not have it.
    private static Checkpoint WithFileType(Checkpoint checkpoint, QuantizationScheme scheme)
    {
        if (checkpoint.Metadata["general.architecture"] is null || scheme.FileType is not { } fileType)
        {
            return checkpoint;
        }
        return checkpoint.With(new MetadataValue.Map([.. checkpoint.Metadata, new(VersionKey, new MetadataValue.Integer(Version)), new(FileTypeKey, new MetadataValue.Integer(fileType))]));
    }
}
