using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights inspect</c> found, for its reports.</summary>
/// <param name="Checkpoint">The tensors that were asked for.</param>
/// <param name="Rows">The same tensors in the order to show them.</param>
internal sealed record Inspection(Checkpoint Checkpoint, IReadOnlyList<Tensor> Rows)
{
    /// <summary>Number of tensors before <c>--filter</c> and <c>--exclude</c>.</summary>
    public required int FileTensors { get; init; }

    /// <summary>Bytes of those.</summary>
    public required long FileTensorBytes { get; init; }

    /// <summary>Whether all of the file's tensors are shown.</summary>
    public bool IsWhole => Checkpoint.Tensors.Count == FileTensors;

    /// <summary>Statistics of each tensor, if they were asked for.</summary>
    public IReadOnlyDictionary<Tensor, TensorStatistics>? Statistics { get; init; }

    /// <summary>The modules, if they were asked for instead of the tensors.</summary>
    public ModuleNode? Modules { get; init; }

    /// <summary>How many levels of them to show; null for all.</summary>
    public int? Depth { get; init; }

    /// <summary>What the network says about itself, if it does.</summary>
    public ModelCard? Card { get; } = ModelCard.Of(Checkpoint);

    /// <summary>Totals of each element type, the one with most bytes first.</summary>
    public IReadOnlyList<DTypeTotal> DTypes { get; } =
    [
        .. Checkpoint.Tensors.GroupBy(static tensor => tensor.DType)
            .Select(static group => new DTypeTotal(
                group.Key,
                group.Count(),
                group.Sum(static tensor => tensor.Shape.ElementCount),
                group.Sum(static tensor => tensor.Bytes.Length)))
            .OrderByDescending(static total => total.Bytes).ThenBy(static total => total.DType.Name, StringComparer.Ordinal),
    ];
}

/// <summary>What there is of one element type.</summary>
internal sealed record DTypeTotal(DType DType, int Tensors, long Elements, long Bytes);
