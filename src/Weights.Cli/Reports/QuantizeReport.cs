using Weights.Cli.Commands;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights quantize</c> did, for its reports.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Source">What was read.</param>
/// <param name="Quantized">What became of it.</param>
/// <param name="Written">What was written.</param>
internal sealed record QuantizeReport(QuantizeRequest Request, Checkpoint Source, QuantizedCheckpoint Quantized, Conversion Written)
{
    /// <summary>A tensor whose type changed.</summary>
    /// <param name="Tensor">What became of it.</param>
    /// <param name="Statistics">What that did to its numbers; null while nothing has been written, and of tensors without elements.</param>
    /// <param name="Overflowed">Numbers beyond the range of the new type.</param>
    public sealed record Line(QuantizedTensor Tensor, DifferenceStatistics? Statistics, long Overflowed);

    /// <summary>Tensors whose type changed, in order.</summary>
    // Looked at when everything has been written, if it is, and then often.
    public IReadOnlyList<Line> Changed => field ??= [.. Quantized.Tensors.Where(static tensor => tensor.Errors is not null).Select(static tensor => new Line(tensor, tensor.Errors!.Statistics, tensor.Errors.Overflowed))];

    /// <summary>Tensors that stayed, by reason.</summary>
    public IReadOnlyList<(string Reason, int Count)> Kept =>
        [.. Quantized.Tensors.Where(static tensor => tensor.Errors is null).GroupBy(static tensor => tensor.Reason ?? "already of their type").Select(static group => (group.Key, group.Count())).OrderByDescending(static group => group.Item2)];

    /// <summary>All changed tensors together; null while nothing has been written.</summary>
    public DifferenceStatistics? Total => field ??= QuantizationErrors.Of(Quantized.Tensors.Where(static tensor => tensor.Errors is not null).Select(static tensor => tensor.Errors!));

    /// <summary>Bits for each element, of all tensors.</summary>
    public double BitsPerElement => Bits(Quantized.Checkpoint.TensorBytes);

    /// <summary>Bits for each element, as it was.</summary>
    public double BitsPerElementBefore => Bits(Source.TensorBytes);

    /// <summary>Which gate did not hold and for which tensors; null where all hold.</summary>
    public string? Verdict
    {
        get
        {
            if ((Request.LeastSqnr ?? Request.MostError) is null)
            {
                return null;
            }
            IReadOnlyList<Line> changed = Changed;
            if (changed.Count == 0)
            {
                return "nothing was quantised, so that no gate can be said to hold";
            }
            // Written so that a NaN is no success.
            Line[] noisy = Request.LeastSqnr is { } least ? [.. changed.Where(line => line.Statistics is { } statistics && !(statistics.SignalToNoise >= least))] : [];
            Line[] far = Request.MostError is { } most ? [.. changed.Where(line => line.Statistics is { } statistics && (!(statistics.MaxAbsolute <= most) || statistics.Beyond > 0))] : [];
            return noisy.Length > 0 ? $"{Named(noisy)}: the ratio of signal to noise is {Quantity.Real(noisy[0].Statistics!.SignalToNoise)} dB, below {Request.LeastSqnr}"
                : far.Length > 0 ? $"{Named(far)}: a number changed by {Quantity.Real(far[0].Statistics!.MaxAbsolute)}{(far[0].Statistics!.Beyond > 0 ? " or is no longer finite" : "")}, and {Request.MostError} is allowed"
                : null;
        }
    }

    private static string Named(Line[] lines) => $"tensor {WeightFileException.Quote(lines[0].Tensor.Source.Name)}{(lines.Length > 1 ? $" and {lines.Length - 1:N0} more" : "")}";

    // Scales and shapes are no weights, however many there are.
    private double Bits(long bytes) => 8.0 * bytes / Math.Max(1, Quantized.Tensors.Sum(static tensor => tensor.Source.Shape.ElementCount));
}
