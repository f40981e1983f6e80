using Weights.Cli.Terminal;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary><c>weights quantize</c> for people.</summary>
internal static class QuantizeText
{
    /// <summary>Prints the table and the totals.</summary>
    public static void Write(QuantizeReport report, Channel channel)
    {
        IReadOnlyList<QuantizeReport.Line> changed = report.Changed;
        if (changed.Count > 0)
        {
            new Table<QuantizeReport.Line>("tensor", static line => Printable.Escape(line.Tensor.Source.Name), [.. Columns(report, changed)]).Write(changed, channel);
            channel.Writer.WriteLine();
        }
        foreach (string line in Totals(report))
        {
            channel.Writer.WriteLine(channel.Width is { } width ? CellWidth.ShortenEnd(line, width) : line);
        }
    }

    private static IEnumerable<Column<QuantizeReport.Line>> Columns(QuantizeReport report, IReadOnlyList<QuantizeReport.Line> changed)
    {
        Column<QuantizeReport.Line> Measured(string title, Func<DifferenceStatistics, string> text) =>
            new(title, line => line.Statistics is { } statistics ? text(statistics) : "-") { IsNumber = true };
        yield return new("from", static line => line.Tensor.Source.DType.Name) { Style = Style.Dim };
        yield return new("to", static line => line.Tensor.Type) { Style = Style.Cyan };
        yield return new("bits", static line => $"{line.Tensor.BitsPerElement:0.00}") { IsNumber = true };
        yield return new("bytes", static line => Quantity.Bytes(line.Tensor.Bytes)) { IsNumber = true, IsOptional = true };
        if (report.Total is not null)
        {
            yield return Measured("RMSE", static statistics => Quantity.Real(statistics.RootMeanSquare));
            yield return Measured("max error", static statistics => Quantity.Real(statistics.MaxAbsolute));
            yield return Measured("SQNR", static statistics => Ratio(statistics));
            yield return Measured("cosine", static statistics => $"{statistics.Cosine:0.00000}") with { IsOptional = true };
        }
        if (changed.Any(static line => line.Overflowed > 0))
        {
            yield return new("overflow", static line => $"{line.Overflowed:N0}") { IsNumber = true, Style = Style.Red };
        }
        if (changed.Any(static line => line.Tensor.Reason is not null))
        {
            yield return new("why", static line => Printable.Escape(line.Tensor.Reason ?? "")) { IsOptional = true, Style = Style.Yellow };
        }
    }

    private static IEnumerable<string> Totals(QuantizeReport report)
    {
        foreach ((string reason, int count) in report.Kept)
        {
            yield return $"kept as {(count == 1 ? "it is" : "they are")}: {Quantity.Of(count, "tensor")}, {Printable.Escape(reason)}";
        }
        (long before, long after) = (report.Source.TensorBytes, report.Quantized.Checkpoint.TensorBytes);
        yield return $"{Quantity.Bytes(before)} ({report.BitsPerElementBefore:0.00} bits per weight) to {Quantity.Bytes(after)} ({report.BitsPerElement:0.00}): {Quantity.Percent(after, before)}";
        if (report.Total is { } total)
        {
            yield return $"quantised tensors together: RMSE {Quantity.Real(total.RootMeanSquare)}, SQNR {Ratio(total)}, cosine {total.Cosine:0.00000}";
        }
    }

    private static string Ratio(DifferenceStatistics statistics) => double.IsPositiveInfinity(statistics.SignalToNoise) ? "exact" : $"{Quantity.Real(statistics.SignalToNoise)} dB";
}
