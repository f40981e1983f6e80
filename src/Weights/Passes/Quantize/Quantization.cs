using Weights.Passes.Dialects;

namespace Weights.Passes.Quantize;

/// <summary>Gives the matrices of a checkpoint smaller types.</summary>
public static class Quantization
{
    private const string FileTypeKey = "general.file_type";
    private const string VersionKey = "general.quantization_version";
    private const int Version = 2; // Of ggml's blocks, since May 2023.

    /// <summary>What is said of weights whose numbers are rounded a second time.</summary>
    internal const string LosesTwice = "was quantised before, and loses twice; quantise the original instead if you have it";

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
        List<QuantizedTensor> all = [];
        NameList twice = new();
        NameList exact = new();
        Dictionary<string, DType> types = new(StringComparer.Ordinal);
        foreach (PlannedTensor plan in QuantizationPlan.Of(checkpoint, options))
        {
            types[plan.Tensor.Name] = plan.DType;
            PackedWeight? before = options.Before.GetValueOrDefault(plan.Tensor.Name);
            if (!plan.IsChanged)
            {
                all.Add(QuantizedTensor.Kept(plan.Tensor, plan.Reason));
                if (before is not null)
                {
                    ledger.Add(LedgerKind.Cast, plan.Tensor.Name, $"from {before}, to {plan.Tensor.DType}, and not quantised again: {plan.Reason ?? "that is its type"}");
                }
                continue;
            }
            QuantizationErrors errors = new();
            if (before?.Codes is { } codes && ScaledBlocks.Find(plan.DType)?.Blocks(plan.Tensor, codes) is { } same)
            {
                exact.Add(plan.Tensor.Name);
                Tensor blocks = new(plan.Tensor.Name, plan.DType, plan.Tensor.Shape, new ComparedBytes(same, plan.DType, plan.Tensor, errors));
                all.Add(new QuantizedTensor(plan.Tensor, plan.DType.Name, [blocks], $"the codes of {before}", errors));
                continue;
            }
            if (plan.Tensor.DType.Kind == DTypeKind.Quantized || before is not null)
            {
                twice.Add(plan.Tensor.Name);
            }
            QuantizationPlan.RequireImportances(plan, options);
            Tensor quantized = new(plan.Tensor.Name, plan.DType, plan.Tensor.Shape, QuantizedBytes.Create(plan.Tensor, plan.DType, options.Importances?.For(plan.Tensor), errors));
            all.Add(new QuantizedTensor(plan.Tensor, plan.DType.Name, [quantized], plan.Reason, errors));
        }
        if (exact.Count > 0)
        {
            ledger.Add(LedgerKind.Restated, exact.ToString(), "the same codes and scales as before, in blocks of ggml");
        }
        if (twice.Count > 0)
        {
            ledger.Add(LedgerKind.Cast, twice.ToString(), LosesTwice);
        }
        Checkpoint smaller = checkpoint.With(all.SelectMany(static tensor => tensor.Parts));
        // Names that were one tensor and now are of two types share nothing any more.
        Alias[] tied = [.. checkpoint.Aliases.Where(alias => types[alias.Name] == types[alias.Of])];
        if (tied.Length < checkpoint.Aliases.Count)
        {
            Alias untied = checkpoint.Aliases.First(alias => types[alias.Name] != types[alias.Of]);
            ledger.Add(LedgerKind.Untied, untied.Name, $"is {types[untied.Name]} and no longer shares storage with {WeightFileException.Quote(untied.Of)}, which is {types[untied.Of]}");
        }
        return new QuantizedCheckpoint(WithFileType(smaller.WithAliases(tied), options.Scheme), all);
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
