using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary><c>weights dequantize</c> for programs.</summary>
internal static class DequantizeJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(DequantizeReport report, Channel channel) => Json.Write(channel, "weights/dequantize/1", writer =>
    {
        ConvertJson.WriteOrigin(writer, "input", report.Source.Origin);
        ConvertJson.WriteOutput(writer, report.Written);
        writer.WriteNumber("tensor_count", report.Plain.Checkpoint.Tensors.Count);
        writer.WriteNumber("tensor_bytes_before", report.Source.TensorBytes);
        writer.WriteNumber("tensor_bytes", report.Plain.Checkpoint.TensorBytes);
        Json.Objects(writer, "weights", report.Plain.Weights, static (line, weight) =>
        {
            line.WriteString("name", weight.Tensor.Name);
            line.WriteString("dialect", weight.Packed.Dialect);
            line.WriteString("packing", weight.Packed.Description);
            line.WriteStartArray("shape");
            foreach (long dimension in weight.Tensor.Shape.Dimensions)
            {
                line.WriteNumberValue(dimension);
            }
            line.WriteEndArray();
            line.WriteString("dtype", weight.Tensor.DType.Name);
            line.WriteNumber("bytes", weight.Tensor.Bytes.Length);
            line.WriteNumber("packed_bytes", DequantizeReport.PackedBytes(weight.Packed));
            Json.Names(line, "parts", weight.Packed.Parts.Select(static part => part.Name));
        });
        ConvertJson.WriteEnd(writer, report.Written);
    });
}
