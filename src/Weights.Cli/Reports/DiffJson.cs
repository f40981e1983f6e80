using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary><c>weights diff</c> for programs.</summary>
internal static class DiffJson
{
    /// <summary>Prints the whole report.</summary>
    public static void Write(DiffReport report, Channel channel) => Json.Write(channel, "weights/diff/1", writer =>
    {
        ConvertJson.WriteOrigin(writer, "a", report.Diff.A.Origin);
        ConvertJson.WriteOrigin(writer, "b", report.Diff.B.Origin);
        writer.WriteBoolean("same", report.Diff.IsSame);
        writer.WriteNumber("compared", report.Diff.Compared);
        writer.WriteStartObject("counts");
        foreach (TensorChange change in Enum.GetValues<TensorChange>())
        {
            writer.WriteNumber(DiffReport.Name(change), report.Counts.FirstOrDefault(count => count.Change == change).Count);
        }
        writer.WriteEndObject();
        Json.Objects(writer, "tensors", report.Tensors, (line, tensor) =>
        {
            line.WriteString("name", tensor.Name);
            line.WriteString("change", DiffReport.Name(tensor.Change));
            line.WriteBoolean("accepted", report.Diff.IsAccepted(tensor));
            WriteSide(line, "a", tensor.A);
            WriteSide(line, "b", tensor.B);
            line.WriteString("relation", tensor.Relation);
            WriteNumber(line, "rank", tensor.Rank);
            WriteStatistics(line, tensor.Statistics);
        });
        Json.Objects(writer, "modules", report.Modules, static (line, module) =>
        {
            line.WriteString("path", module.Path);
            WriteNumber(line, "first", module.First);
            WriteNumber(line, "last", module.Last);
            Json.Names(line, "changes", module.Changes.Select(DiffReport.Name));
            line.WriteNumber("tensor_count", module.Tensors);
            line.WriteNumber("different_count", module.Different);
            Json.Real(line, "relative_l2", module.RelativeL2);
        });
        Json.Objects(writer, "ties", report.Diff.TieChanges, static (line, tie) =>
        {
            line.WriteString("name", tie.Name);
            line.WriteString("of", tie.Of);
            line.WriteBoolean("tied", tie.IsTied);
        });
    });

    private static void WriteSide(Utf8JsonWriter writer, string name, IReadOnlyList<Tensor> tensors)
    {
        writer.WriteStartArray(name);
        foreach (Tensor tensor in tensors)
        {
            writer.WriteStartObject();
            writer.WriteString("name", tensor.Name);
            writer.WriteString("dtype", tensor.DType.Name);
            writer.WriteStartArray("shape");
            foreach (long dimension in tensor.Shape.Dimensions)
            {
                writer.WriteNumberValue(dimension);
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static void WriteStatistics(Utf8JsonWriter writer, DifferenceStatistics? statistics)
    {
        if (statistics is null)
        {
            writer.WriteNull("statistics");
            return;
        }
        writer.WriteStartObject("statistics");
        writer.WriteNumber("count", statistics.Count);
        writer.WriteNumber("changed", statistics.Changed);
        writer.WriteNumber("beyond", statistics.Beyond);
        Json.Real(writer, "max_absolute", statistics.MaxAbsolute);
        Json.Real(writer, "mean_absolute", statistics.MeanAbsolute);
        Json.Real(writer, "rmse", statistics.RootMeanSquare);
        Json.Real(writer, "relative_l2", statistics.RelativeL2);
        Json.Real(writer, "cosine", statistics.Cosine);
        Json.Real(writer, "snr_db", statistics.SignalToNoise);
        WriteNumber(writer, "max_ulps", statistics.MaxUlps);
        writer.WriteNumber("nans_a", statistics.NaNsA);
        writer.WriteNumber("nans_b", statistics.NaNsB);
        writer.WriteNumber("infinities_a", statistics.InfinitiesA);
        writer.WriteNumber("infinities_b", statistics.InfinitiesB);
        WriteNumber(writer, "worst_index", statistics.WorstIndex);
        writer.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter writer, string name, long? number)
    {
        if (number is { } value)
        {
            writer.WriteNumber(name, value);
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
