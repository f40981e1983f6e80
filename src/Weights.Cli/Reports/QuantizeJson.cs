using System.Text.Json;
using Weights.Cli.Commands;
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
        writer.WriteString("scheme", report.Request.Types?.Scheme.Name ?? report.Request.Packing!.Scheme.Name);
        writer.WriteBoolean("mixture", report.Request.Types is { Scheme.IsMixture: true });
        writer.WritePropertyName("layout");
        writer.WriteStringValue(report.Request.Packing?.Layout.Name);
        writer.WritePropertyName(ModelConfiguration.Key);
        if (report.Quantized.Configuration is { } configuration)
        {
            configuration.WriteTo(writer);
        }
        else
        {
            writer.WriteNullValue();
        }
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
        Json.Objects(writer, "tensors", report.Quantized.Tensors, static (line, tensor) => WriteTensor(line, tensor));
        ConvertJson.WriteEnd(writer, report.Written);
    });

    private static void WriteTensor(Utf8JsonWriter writer, QuantizedTensor tensor)
    {
        writer.WriteString("name", tensor.Source.Name);
        writer.WriteString("dtype_before", tensor.Source.DType.Name);
        writer.WriteString("dtype", tensor.Type);
        Json.Names(writer, "parts", tensor.Parts.Select(static part => part.Name));
        writer.WriteNumber("bytes", tensor.Bytes);
        writer.WriteNumber("bits_per_weight", tensor.BitsPerElement);
        if (tensor.Reason is { } reason)
        {
            writer.WriteString("reason", reason);
        }
        else
        {
            writer.WriteNull("reason");
        }
        WriteErrors(writer, tensor.Errors?.Statistics, tensor.Errors?.Overflowed ?? 0);
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
