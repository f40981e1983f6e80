using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;

namespace Weights.Cli.Reports;

/// <summary><c>weights quantize</c> for programs.</summary>
internal static class QuantizeJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(QuantizeReport report, Channel channel) => Json.Write(channel, "weights/quantize/1", writer =>
    {
        ConvertJson.WriteOrigin(writer, "input", report.Source.Origin);
        ConvertJson.WriteOutput(writer, report.Written);
        writer.WriteString("scheme", report.Request.Scheme.Name);
        writer.WriteBoolean("mixture", report.Request.Scheme.IsMixture);
        writer.WriteNumber("tensor_bytes_before", report.Source.TensorBytes);
        writer.WriteNumber("tensor_bytes", report.Quantized.Checkpoint.TensorBytes);
        writer.WriteNumber("bits_per_weight_before", report.BitsPerElementBefore);
        writer.WriteNumber("bits_per_weight", report.BitsPerElement);
        if (report.Verdict is { } verdict)
        {
            writer.WriteString("verdict", verdict);
        }
        else
        {
            writer.WriteNull("verdict");
        }
        writer.WriteStartObject("total");
        WriteErrors(writer, report.Total, report.Changed.Sum(static line => line.Overflowed));
        writer.WriteEndObject();
        Json.Objects(writer, "tensors", report.Quantized.Tensors, static (line, tensor) => WriteTensor(line, tensor.Planned, tensor.Errors));
        ConvertJson.WriteEnd(writer, report.Written);
    });

    private static void WriteTensor(Utf8JsonWriter writer, PlannedTensor planned, QuantizationErrors? errors)
    {
        writer.WriteString("name", planned.Tensor.Name);
        writer.WriteString("dtype_before", planned.Tensor.DType.Name);
        writer.WriteString("dtype", planned.DType.Name);
        writer.WriteNumber("bytes", planned.DType.ByteCount(planned.Tensor.Shape)!.Value);
        writer.WriteNumber("bits_per_weight", planned.DType.BitsPerElement);
        if (planned.Reason is { } reason)
        {
            writer.WriteString("reason", reason);
        }
        else
        {
            writer.WriteNull("reason");
        }
        WriteErrors(writer, errors?.Statistics, errors?.Overflowed ?? 0);
    }

    private static void WriteErrors(Utf8JsonWriter writer, DifferenceStatistics? statistics, long overflowed)
    {
        Json.Real(writer, "rmse", statistics?.RootMeanSquare);
        Json.Real(writer, "max_error", statistics?.MaxAbsolute);
        Json.Real(writer, "sqnr_db", statistics?.SignalToNoise);
        Json.Real(writer, "cosine", statistics?.Cosine);
        writer.WriteNumber("overflowed", overflowed);
    }
}
