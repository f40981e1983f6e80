using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary><c>weights graft</c> for programs.</summary>
internal static class GraftJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(GraftReport report, Channel channel) => Json.Write(channel, "weights/graft/1", writer =>
    {
        WriteOrigin(writer, "model", report.Model);
        WriteOrigin(writer, "weights", report.Weights);
        WriteOrigin(writer, "from", report.Old);
        ConvertJson.WriteOutput(writer, report.Written);
        writer.WriteNumber("tensor_count", report.Model.Tensors.Count);
        writer.WriteNumber("replaced_count", report.Result.Replaced.Count);
        writer.WriteStartObject("replaced_by");
        foreach (GraftMethod by in Enum.GetValues<GraftMethod>())
        {
            writer.WriteNumber(GraftReport.Name(by), report.Count(by));
        }
        writer.WriteEndObject();
        Json.Objects(writer, "replaced", report.Result.Replaced, static (line, grafted) =>
        {
            ContentRelation relation = grafted.Relation;
            line.WriteString("tensor", grafted.Tensor.Name);
            line.WriteString("from", grafted.From.Name);
            line.WriteString("by", GraftReport.Name(grafted.By));
            line.WriteStartArray("axes");
            foreach (int axis in relation.Axes)
            {
                line.WriteNumberValue(axis);
            }
            line.WriteEndArray();
            line.WriteBoolean("reshaped", relation.IsReshaped);
            line.WriteString("cast_from", relation.CastFrom?.Name);
        });
        Json.Objects(writer, "kept", report.Result.Kept, static (line, kept) =>
        {
            line.WriteString("tensor", kept.Tensor.Name);
            line.WriteString("reason", kept.Reason);
            Json.Names(line, "candidates", kept.Candidates.Select(static candidate => candidate.Name));
        });
        Json.Names(writer, "unused", report.Result.Unused.Select(static tensor => tensor.Name));
        ConvertJson.WriteEnd(writer, report.Written);
    });

    private static void WriteOrigin(Utf8JsonWriter writer, string name, Checkpoint? checkpoint)
    {
        if (checkpoint is null)
        {
            writer.WriteNull(name);
        }
        else
        {
            ConvertJson.WriteOrigin(writer, name, checkpoint.Origin);
        }
    }
}
