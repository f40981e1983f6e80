using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary><c>weights patch</c>, and <c>weights diff</c> where it writes a patch, for programs.</summary>
internal static class PatchJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(PatchReport report, Channel channel) => Json.Write(channel, "weights/patch/1", writer =>
    {
        writer.WriteStartObject("patch");
        writer.WriteString("path", report.Path);
        writer.WriteNumber("bytes", report.PatchBytes);
        writer.WriteEndObject();
        ConvertJson.WriteOrigin(writer, "base", report.Base);
        writer.WriteString("base_id", report.BaseId);
        if (report.Target is { } target)
        {
            ConvertJson.WriteOrigin(writer, "target", target);
        }
        else
        {
            writer.WriteNull("target");
        }
        writer.WriteString("target_id", report.TargetId);
        ConvertJson.WriteOutput(writer, report.Written);
        writer.WriteNumber("tensor_count", report.Tensors.Count);
        writer.WriteNumber("tensor_bytes", report.Written.Checkpoint.TensorBytes);
        Json.Objects(writer, "tensors", report.Tensors, static (line, tensor) =>
        {
            line.WriteString("name", tensor.Name);
            line.WriteString("dtype", tensor.DType.Name);
            line.WriteStartArray("shape");
            foreach (long dimension in tensor.Shape.Dimensions)
            {
                line.WriteNumberValue(dimension);
            }
            line.WriteEndArray();
            line.WriteNumber("bytes", tensor.Bytes);
            line.WriteString("method", PatchReport.Name(tensor.Method));
            line.WriteString("source", tensor.Source);
            line.WriteNumber("patch_bytes", tensor.PatchBytes);
        });
        ConvertJson.WriteEnd(writer, report.Written);
    });
}
