using System.Text.Json;
using Weights.Cli.Terminal;
using Weights.Scanning;

namespace Weights.Cli.Reports;

/// <summary>
/// <c>weights scan</c> for code scanning services: SARIF 2.1.0.
/// <see href="https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"/>
/// </summary>
internal static class ScanSarif
{
    private const string Schema = "https://json.schemastore.org/sarif-2.1.0.json";

    // Services refuse files of more results than this.
    private const int MostResults = 5000;

    private static readonly Rule[] s_rules =
    [
        new("executes-code", "error", "9.3", "Loading the file runs code",
            "The file names a function that runs code, starts a process, or touches files or the network when Python loads it. Do not load it; get the weights from a source you trust, or convert them with 'weights convert', which runs nothing."),
        new("unknown-name", "warning", "5.0", "Loading the file runs something unknown",
            "The file names a class or function that is on no list of harmless ones. If you trust the package that it belongs to, accept it with --allow."),
        new("unreadable", "warning", "5.0", "A part of the file could not be scanned",
            "A part of the file is damaged, contradicts itself or is compressed in a way that is not read, so that nothing can be said about it."),
    ];

    /// <summary>Prints one run with everything that was found.</summary>
    public static void Write(IReadOnlyList<ScanReport> reports, Channel channel) => Json.Write(channel, null, writer =>
    {
        writer.WriteString("$schema", Schema);
        writer.WriteString("version", "2.1.0");
        writer.WriteStartArray("runs");
        writer.WriteStartObject();
        WriteTool(writer);
        Json.Objects(writer, "results", reports.SelectMany(Results).Take(MostResults), WriteResult);
        writer.WriteEndObject();
        writer.WriteEndArray();
    });

    private static IEnumerable<Result> Results(ScanReport report)
    {
        foreach (ScanFinding finding in report.Findings.Where(static finding => finding.Verdict >= Verdict.Unknown && !finding.IsAllowed))
        {
            bool executes = finding.Verdict == Verdict.Executes;
            foreach (ScanPlace place in finding.Places)
            {
                string what = executes ? "executes code" : "is unknown";
                string why = finding.Reason is null ? what : executes ? finding.Reason : $"{what}: {finding.Reason}";
                yield return new Result(executes ? 0 : 1, $"{finding.Name} {why}{(place.Call is null ? "" : $": {place.Call}")}", report.Path, place.Stream, place.Offset);
            }
        }
        foreach (ScanFault fault in report.Faults)
        {
            yield return new Result(2, fault.Reason, report.Path, fault.Stream, fault.Offset);
        }
        if (report.Kind is null)
        {
            yield return new Result(2, "is neither a pickle nor an archive nor a weight file that is known", report.Path, "", null);
        }
    }

    private static void WriteTool(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("tool");
        writer.WriteStartObject("driver");
        writer.WriteString("name", "weights");
        writer.WriteString("semanticVersion", typeof(ScanSarif).Assembly.GetName().Version?.ToString(3));
        Json.Objects(writer, "rules", s_rules, (line, rule) =>
        {
            line.WriteString("id", rule.Id);
            WriteText(line, "shortDescription", rule.Title);
            WriteText(line, "fullDescription", rule.Text);
            WriteText(line, "help", rule.Text);
            line.WriteStartObject("defaultConfiguration");
            line.WriteString("level", rule.Level);
            line.WriteEndObject();
            line.WriteStartObject("properties");
            line.WriteString("security-severity", rule.Severity);
            Json.Names(line, "tags", ["security"]);
            line.WriteEndObject();
        });
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter writer, Result result)
    {
        writer.WriteString("ruleId", s_rules[result.Rule].Id);
        writer.WriteNumber("ruleIndex", result.Rule);
        writer.WriteString("level", s_rules[result.Rule].Level);
        string where = result.Entry.Length == 0 ? "" : $"{result.Entry}{(result.Offset is null ? "" : $":{result.Offset}")}: ";
        WriteText(writer, "message", Printable.Escape(where + result.Message));
        writer.WriteStartArray("locations");
        writer.WriteStartObject();
        writer.WriteStartObject("physicalLocation");
        writer.WriteStartObject("artifactLocation");
        writer.WriteString("uri", Uri(result.Path));
        writer.WriteEndObject();
        writer.WriteStartObject("region");
        // Services that only know texts want a line. Where an entry's bytes lie in the file is not said: it may be compressed.
        writer.WriteNumber("startLine", 1);
        if (result.Entry.Length == 0 && result.Offset is { } offset)
        {
            writer.WriteNumber("byteOffset", offset);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
        if (result.Entry.Length > 0)
        {
            writer.WriteStartArray("logicalLocations");
            writer.WriteStartObject();
            writer.WriteString("fullyQualifiedName", result.Entry);
            writer.WriteString("kind", "resource");
            writer.WriteEndObject();
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
        writer.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string text)
    {
        writer.WriteStartObject(name);
        writer.WriteString("text", text);
        writer.WriteEndObject();
    }

    // Relative where the path is: services look it up in the repository.
    private static string Uri(string path) => Path.IsPathRooted(path)
        ? new Uri(path).AbsoluteUri
        : string.Join('/', path.Split('/', Path.DirectorySeparatorChar).Where(static part => part is not ("." or "")).Select(System.Uri.EscapeDataString));

    private sealed record Rule(string Id, string Level, string Severity, string Title, string Text);

    private sealed record Result(int Rule, string Message, string Path, string Entry, long? Offset);
}
