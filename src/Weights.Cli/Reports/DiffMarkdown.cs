using System.Text;
using Weights.Cli.Terminal;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary><c>weights diff</c> as GitHub's Markdown, for a comment on a pull request: nothing in a name is markup, and there is a limit to its length.</summary>
internal static class DiffMarkdown
{
    private const int MostTensors = 50;
    private const int MostModules = 50;

    // A comment may have 65,536 characters.
    private const int LongestName = 200;

    /// <summary>Prints the whole report.</summary>
    public static void Write(DiffReport report, Channel channel)
    {
        TextWriter writer = channel.Writer;
        writer.WriteLine($"**{Escape(report.Request.A)}** and **{Escape(report.Request.B)}**");
        writer.WriteLine();
        writer.WriteLine($"{(report.Diff.IsSame ? "✅" : "❌")} {Escape(report.Verdict)}");
        writer.WriteLine();
        writer.WriteLine("| module | |");
        writer.WriteLine("|---|---|");
        foreach (ModuleChange module in report.Modules.Take(MostModules))
        {
            writer.WriteLine($"| {Code(module.Name)} | {Escape(DiffReport.Words(module))} |");
        }
        WriteRest(writer, report.Modules.Count - MostModules, "module");
        List<TensorDiff> changed = [.. report.Changed];
        if (changed.Count > 0)
        {
            WriteTensors(changed, report.Request.HasRanks, writer);
        }
        if (report.Diff.TieChanges.Count > 0)
        {
            writer.WriteLine();
        }
        foreach (TieDiff tie in report.Diff.TieChanges.Take(MostTensors))
        {
            writer.WriteLine($"- {Code(tie.Name)} {(tie.IsTied ? "is tied now to" : "is no longer tied to")} {Code(tie.Of)}");
        }
        WriteRest(writer, report.Diff.TieChanges.Count - MostTensors, "tie");
    }

    private static void WriteTensors(List<TensorDiff> changed, bool hasRanks, TextWriter writer)
    {
        writer.WriteLine();
        writer.WriteLine($"| tensor | change | dtype | shape | max \\|Δ\\| | relative L2 | cosine | changed |{(hasRanks ? " rank |" : "")}");
        writer.WriteLine($"|---|---|---|---|--:|--:|--:|--:|{(hasRanks ? "--:|" : "")}");
        foreach (TensorDiff tensor in changed.Take(MostTensors))
        {
            DifferenceStatistics? of = tensor.Statistics;
            string change = Escape(DiffReport.Relation(tensor) is { } relation
                ? tensor.Change is TensorChange.Renamed or TensorChange.Split or TensorChange.Fused ? relation : $"{DiffReport.Words(tensor.Change)}: {relation}"
                : DiffReport.Words(tensor.Change));
            string numbers = of is null
                ? "| | | |"
                : $"{Quantity.Real(of.MaxAbsolute)} | {Quantity.Real(of.RelativeL2)} | {of.Cosine:0.000000} | {Quantity.Percent(of.Changed, of.Count)} |";
            writer.WriteLine($"| {Code(tensor.Name)} | {change} | {Escape(DiffReport.DType(tensor))} | {Escape(DiffReport.Shape(tensor))} | {numbers}{(hasRanks ? $" {tensor.Rank} |" : "")}");
        }
        WriteRest(writer, changed.Count - MostTensors, "tensor");
    }

    private static void WriteRest(TextWriter writer, int rest, string noun)
    {
        if (rest > 0)
        {
            writer.WriteLine();
            writer.WriteLine($"… {Quantity.Of(rest, $"more {noun}")}; `--json` lists all");
        }
    }

    private static string Code(string name) => $"<code>{Escape(name)}</code>";

    // As numeric entities: none of these characters then means anything to Markdown, HTML or mentions.
    private static string Escape(string text)
    {
        string safe = Printable.Escape(text);
        StringBuilder escaped = new();
        foreach (char character in safe.Length > LongestName ? $"{Head(safe)}…" : safe)
        {
            _ = "\\`*_{}[]<>()#+!|&~@$".Contains(character) ? escaped.Append($"&#{(int)character};") : escaped.Append(character);
        }
        return escaped.ToString();
    }

    private static string Head(string text) => text[..(char.IsHighSurrogate(text[LongestName - 1]) ? LongestName - 1 : LongestName)];
}
