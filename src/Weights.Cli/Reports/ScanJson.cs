using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Scanning;

namespace Weights.Cli.Reports;

/// <summary><c>weights scan</c> for programs.</summary>
internal static class ScanJson
{
    /// <summary>Prints a report on each file.</summary>
    public static void Write(IReadOnlyList<ScanReport> reports, Channel channel) => Json.Write(channel, "weights/scan/1", writer =>
    {
        writer.WriteString("result", Name(reports.Select(static report => report.Result).DefaultIfEmpty(ScanResult.Unreadable).Max()));
        writer.WriteStartArray("files");
        foreach (ScanReport report in reports)
        {
            writer.WriteStartObject();
            WriteFile(report, writer);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    });

    /// <summary>What a scan comes to, in a word.</summary>
    public static string Name(ScanResult result) => result switch
    {
        ScanResult.Clean => "clean",
        ScanResult.Unreadable => "unreadable",
        ScanResult.Unknown => "unknown",
        _ => "executes",
    };

    private static void WriteFile(ScanReport report, Utf8JsonWriter writer)
    {
        writer.WriteString("path", report.Path);
        writer.WriteNumber("file_bytes", report.Bytes);
        writer.WriteString("kind", report.Kind);
        writer.WriteString("result", Name(report.Result));
        Json.Objects(writer, "findings", report.Findings, (line, finding) =>
        {
            line.WriteString("name", finding.Name);
            line.WriteString("verdict", Name(finding.Verdict));
            line.WriteString("reason", finding.Reason);
            line.WriteBoolean("allowed", finding.IsAllowed);
            line.WriteNumber("count", finding.Count);
            line.WriteStartArray("places");
            foreach (ScanPlace place in finding.Places)
            {
                line.WriteStartObject();
                line.WriteString("entry", place.Stream);
                line.WriteNumber("offset", place.Offset);
                line.WriteString("call", place.Call);
                line.WriteEndObject();
            }
            line.WriteEndArray();
        });
        writer.WriteNumber("pickle_count", report.StreamCount);
        Json.Objects(writer, "pickles", report.Streams, (line, stream) =>
        {
            line.WriteString("entry", stream.Name);
            line.WriteNumber("offset", stream.Offset);
            line.WriteNumber("bytes", stream.Length);
        });
        writer.WriteNumber("fault_count", report.FaultCount);
        Json.Objects(writer, "faults", report.Faults, (line, fault) =>
        {
            line.WriteString("entry", fault.Stream);
            if (fault.Offset is { } offset)
            {
                line.WriteNumber("offset", offset);
            }
            else
            {
                line.WriteNull("offset");
            }
            line.WriteString("reason", fault.Reason);
        });
        Json.Names(writer, "notes", report.Notes);
    }

    private static string Name(Verdict verdict) => verdict switch
    {
        Verdict.Tensors => "tensors",
        Verdict.Data => "data",
        Verdict.Unknown => "unknown",
        _ => "executes",
    };
}
