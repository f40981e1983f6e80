namespace Weights.Passes.Diff;

/// <summary>How far the tensors of a layer (or of what else their names begin with) are from those of the other checkpoint.</summary>
/// <param name="Path">What their names begin with, without the number.</param>
/// <param name="Number">The number behind it; null where there is none.</param>
/// <param name="Tensors">The tensors, in the order of the comparison.</param>
public sealed record LayerStatistics(string Path, long? Number, IReadOnlyList<TensorDiff> Tensors)
{
    /// <summary>For example <c>model.layers.3</c>.</summary>
    public string Name => Number is null ? Path : Path.Length == 0 ? $"{Number}" : $"{Path}.{Number}";

    /// <summary>How many of its tensors are not identical.</summary>
    public int Different { get; } = Tensors.Count(static tensor => tensor.Change != TensorChange.Identical);

    /// <summary>Whether any of its tensors has numbers that were compared and are not all the same.</summary>
    public bool HasStatistics { get; } = Tensors.Any(static tensor => tensor.Statistics is not null);

    /// <summary>Share of the numbers of all its tensors that changed, from 0 to 1; tensors whose numbers cannot be compared do not count.</summary>
    public double ChangedShare { get; } = Share(Tensors);

    /// <summary>Largest |b − a|.</summary>
    public double MaxAbsolute => Largest(static of => of.MaxAbsolute);

    /// <summary>Mean of |b − a| over the numbers of all its tensors.</summary>
    public double MeanAbsolute => Mean(static of => of.MeanAbsolute);

    /// <summary>Root of the mean of (b − a)² over the numbers of all its tensors.</summary>
    public double RootMeanSquare => Math.Sqrt(Mean(static of => of.RootMeanSquare * of.RootMeanSquare));

    /// <summary>Largest ‖b − a‖ / ‖a‖ of its tensors.</summary>
    public double RelativeL2 => Largest(static of => of.RelativeL2);

    /// <summary>Smallest cosine of its tensors.</summary>
    public double Cosine => -Largest(static of => -of.Cosine, -1);

    /// <summary>The layers of a comparison: in the order in which paths first come, within a path by number.</summary>
    public static IReadOnlyList<LayerStatistics> Of(CheckpointDiff diff)
    {
        ArgumentNullException.ThrowIfNull(diff);
        return
        [
            .. diff.Tensors.Select(ModuleChanges.Place).GroupBy(static place => place.Path, StringComparer.Ordinal)
                .SelectMany(static path => path.GroupBy(static place => place.Number).OrderBy(static layer => layer.Key)
                    .Select(layer => new LayerStatistics(path.Key, layer.Key, [.. layer.Select(static place => place.Tensor)]))),
        ];
    }

    /// <summary>How many numbers of the second checkpoint were compared with one of the first.</summary>
    public static long Compared(IEnumerable<TensorDiff> tensors) => tensors.Where(IsCompared).Sum(Count);

    private static bool IsCompared(TensorDiff tensor) => tensor.Statistics is not null || tensor.Change == TensorChange.Identical;

    private static long Count(TensorDiff tensor) => tensor.Statistics?.Count ?? (tensor.B[0].Shape.ElementCount * tensor.B[0].DType.Components);

    private static double Share(IReadOnlyList<TensorDiff> tensors)
    {
        double all = tensors.Where(IsCompared).Sum(static tensor => (double)Count(tensor));
        return all == 0 ? 0 : tensors.Sum(static tensor => (double)(tensor.Statistics?.Changed ?? 0)) / all;
    }

    // A NaN, where squares are too small for a double, does not hide the others.
    private double Largest(Func<DifferenceStatistics, double> of, double least = 0) =>
        Tensors.Where(static tensor => tensor.Statistics is not null).Select(tensor => of(tensor.Statistics!)).Where(static value => !double.IsNaN(value)).DefaultIfEmpty(least).Max();

    private double Mean(Func<DifferenceStatistics, double> of)
    {
        double all = Tensors.Where(IsCompared).Sum(static tensor => (double)Count(tensor));
        return all == 0 ? 0 : Tensors.Where(static tensor => tensor.Statistics is not null).Sum(tensor => of(tensor.Statistics!) * tensor.Statistics!.Count) / all;
    }
}
