using Weights.Cli.Terminal;
using Weights.Passes.Dialects;

namespace Weights.Cli.Reports;

/// <summary><c>weights dequantize</c> for people.</summary>
internal static class DequantizeText
{
    /// <summary>Prints a line for each weight, and how much there is of them.</summary>
    public static void Write(DequantizeReport report, Channel channel)
    {
        IReadOnlyList<(PackedWeight Packed, Tensor Tensor)> weights = report.Plain.Weights;
        new Table<(PackedWeight Packed, Tensor Tensor)>("weight", static line => Printable.Escape(line.Tensor.Name),
        [
            new("shape", static line => line.Tensor.Shape.ToString()),
            new("to", static line => line.Tensor.DType.Name) { Style = Style.Cyan },
            new("packed", static line => Quantity.Bytes(DequantizeReport.PackedBytes(line.Packed))) { IsNumber = true },
            new("bytes", static line => Quantity.Bytes(line.Tensor.Bytes.Length)) { IsNumber = true },
            new("from", static line => line.Packed.ToString()) { Style = Style.Dim },
        ]).Write(weights, channel);
        channel.Writer.WriteLine();
        double before = 8.0 * report.BytesBefore / Math.Max(1, report.Elements);
        string line = $"{Quantity.Of(weights.Count, "weight")}: {Quantity.Bytes(report.BytesBefore)} ({before:0.00} bits per weight) to {Quantity.Bytes(report.Bytes)}";
        channel.Writer.WriteLine(channel.Width is { } width ? CellWidth.ShortenEnd(line, width) : line);
    }
}
