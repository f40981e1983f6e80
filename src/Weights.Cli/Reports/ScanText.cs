using Weights.Cli.Terminal;
using Weights.Scanning;

namespace Weights.Cli.Reports;

/// <summary><c>weights scan</c> for people: a block for each file, the verdict first, then names, the most dangerous first.</summary>
internal static class ScanText
{
    private const int VerdictWidth = 15;
    private const int WidestName = 40;
    private const int MostRows = 40;
    private const int MostFaults = 10;

    /// <summary>Prints a block for each file, as it comes.</summary>
    public static void Write(IEnumerable<ScanReport> reports, bool all, Channel channel)
    {
        int files = 0;
        foreach (ScanReport report in reports)
        {
            channel.Writer.Write(files++ == 0 ? "" : "\n");
            WriteFile(report, all, channel);
            channel.Writer.Flush();
        }
    }

    private static void WriteFile(ScanReport report, bool all, Channel channel)
    {
        (Style style, string verdict) = Sentence(report);
        channel.Writer.WriteLine($"{channel.Paint(Style.Bold, Printable.Escape(report.Path))}: {channel.Paint(style, verdict)}");
        List<ScanFinding> rows = [.. report.Findings.Where(finding => all || (finding.Verdict >= Verdict.Unknown && !finding.IsAllowed))];
        int shown = all ? rows.Count : Math.Min(rows.Count, MostRows);
        int widest = rows.Take(shown).Select(static finding => CellWidth.Of(Printable.Escape(finding.Name))).DefaultIfEmpty(0).Max();
        foreach (ScanFinding finding in rows.Take(shown))
        {
            WriteFinding(finding, Math.Min(widest, WidestName), channel);
        }
        if (shown < rows.Count)
        {
            Row("", Style.Dim, $"… {Quantity.Of(rows.Count - shown, "more name")}; --all lists them", channel);
        }
        foreach (ScanFault fault in report.Faults.Take(all ? int.MaxValue : MostFaults))
        {
            string where = Where(fault.Stream, fault.Offset);
            Row("unreadable", Style.Yellow, where.Length == 0 ? fault.Reason : $"{where}  {fault.Reason}", channel);
        }
        if (report.FaultCount > MostFaults && !all)
        {
            Row("", Style.Dim, $"… {Quantity.Of(report.FaultCount - MostFaults, "more part")} unreadable; --all lists them", channel);
        }
        WriteSummary(report, all, channel);
    }

    private static void WriteSummary(ScanReport report, bool all, Channel channel)
    {
        int allowed = report.Findings.Count(static finding => finding.IsAllowed && finding.Verdict >= Verdict.Unknown);
        if (allowed > 0 && !all)
        {
            Row("allowed", Style.Cyan, $"{Quantity.Of(allowed, "name")} by --allow", channel);
        }
        int tensors = report.Findings.Count(static finding => finding.Verdict == Verdict.Tensors);
        int data = report.Findings.Count(static finding => finding.Verdict == Verdict.Data);
        if (tensors + data > 0 && !all)
        {
            Row("harmless", Style.Green, $"{Quantity.Of(tensors + data, "name")}: {tensors:N0} for tensors, {data:N0} for plain data", channel);
        }
        foreach (string note in report.Notes)
        {
            Row("note", Style.Cyan, note, channel);
        }
        if (report.Result == ScanResult.Unknown && Packages(report) is { Count: > 0 } packages)
        {
            Row("note", Style.Cyan, $"if you trust what they are from: {string.Join(' ', packages.Select(static package => $"--allow '{package}.*'"))}", channel);
        }
    }

    private static void WriteFinding(ScanFinding finding, int nameWidth, Channel channel)
    {
        (Style style, string verdict) = finding switch
        {
            { IsAllowed: true, Verdict: >= Verdict.Unknown } => (Style.Cyan, "allowed"),
            { Verdict: Verdict.Executes } => (Style.Red, "executes code"),
            { Verdict: Verdict.Unknown } => (Style.Yellow, "unknown"),
            { Verdict: Verdict.Data } => (Style.Green, "plain data"),
            _ => (Style.Green, "tensors"),
        };
        string name = Printable.Escape(finding.Name);
        string place = finding.Places.Count == 0 ? "" : Where(finding.Places[0].Stream, finding.Places[0].Offset);
        string call = finding.Places.Count == 0 ? "" : finding.Places[0].Call ?? "";
        string times = finding.Count == 1 ? "" : $"{finding.Count:N0} times, first ";
        string padding = new(' ', Math.Max(0, nameWidth - CellWidth.Of(name)));
        Row(verdict, style, $"{finding.Name}{padding}  {times}{(place.Length == 0 ? "" : $"at {place}")}{(call.Length == 0 ? "" : $"  {call}")}".TrimEnd(), channel);
        if (finding.Reason is { } reason)
        {
            Row("", Style.Plain, channel.Paint(Style.Dim, Shortened(Printable.Escape(reason), channel)), channel, isSafe: true);
        }
    }

    private static void Row(string label, Style style, string text, Channel channel, bool isSafe = false)
    {
        string shown = isSafe ? text : Shortened(Printable.Escape(text), channel);
        channel.Writer.WriteLine($"  {channel.Paint(style, label)}{new string(' ', VerdictWidth - label.Length)}{shown}");
    }

    private static string Shortened(string text, Channel channel) => channel.Width is { } width ? CellWidth.ShortenEnd(text, Math.Max(20, width - VerdictWidth - 2)) : text;

    private static string Where(string stream, long? offset) => stream.Length == 0 ? (offset is null ? "" : $"byte {offset}") : offset is null ? stream : $"{stream}:{offset}";

    private static (Style Style, string Verdict) Sentence(ScanReport report) => report.Result switch
    {
        ScanResult.Executes => (Style.Red, $"executes code when Python loads it ({report.Kind})"),
        ScanResult.Unknown => (Style.Yellow, $"may run anything when Python loads it: not all of its names are known ({report.Kind})"),
        ScanResult.Unreadable when report.Kind is null => (Style.Yellow, "unreadable: it is neither a pickle nor an archive nor a weight file that is known"),
        ScanResult.Unreadable => (Style.Yellow, $"unreadable in parts ({report.Kind})"),
        _ when report.StreamCount == 0 => (Style.Green, $"clean: it holds no pickle, so that nothing in it can run ({report.Kind})"),
        _ when report.Findings.Any(static finding => finding.IsAllowed) =>
            (Style.Green, $"clean: {Quantity.Of(report.StreamCount, "pickle")}, in which nothing can run but what --allow accepts ({report.Kind})"),
        _ => (Style.Green, $"clean: {Quantity.Of(report.StreamCount, "pickle")}, in which nothing can run ({report.Kind})"),
    };

    private static List<string> Packages(ScanReport report) =>
    [
        .. report.Findings.Where(static finding => finding is { Verdict: Verdict.Unknown, IsAllowed: false, Reason: null })
            .Select(static finding => finding.Name.Split('.')[0])
            .Where(static package => package.Length > 0 && package.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter == '_'))
            .Distinct().Take(3),
    ];
}
