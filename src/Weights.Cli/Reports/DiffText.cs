using Weights.Cli.Terminal;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary><c>weights diff</c> for people: the verdict, modules, tensors that are not identical, and what takes words.</summary>
internal static class DiffText
{
    private const int MostModules = 40;
    private const int WidestModule = 40;

    /// <summary>Prints the whole report.</summary>
    public static void Write(DiffReport report, Channel channel)
    {
        WriteVerdict(report, channel);
        if (report.Modules.Count > 1)
        {
            channel.Writer.WriteLine();
            WriteModules(report.Modules, channel);
        }
        List<TensorDiff> changed = [.. report.Changed];
        if (changed.Count > 0)
        {
            channel.Writer.WriteLine();
            new Table<TensorDiff>("tensor", static tensor => Printable.Escape(tensor.Name), [.. Columns(report, changed)]).Write(changed, channel);
        }
        WriteLines([.. changed.Where(static tensor => DiffReport.Relation(tensor) is not null).Select(static tensor => $"{tensor.Name}: {DiffReport.Relation(tensor)}")], channel);
        WriteLines([.. report.Diff.TieChanges.Select(DiffReport.Words)], channel);
    }

    private static void WriteVerdict(DiffReport report, Channel channel)
    {
        Style style = report.Diff.IsSame ? Style.Green : Style.Red;
        channel.Writer.WriteLine($"{channel.Paint(Style.Bold, Printable.Escape(report.Request.A))} and {channel.Paint(Style.Bold, Printable.Escape(report.Request.B))}");
        foreach (string line in channel.Width is { } width ? CellWidth.Wrap(report.Verdict, width) : [report.Verdict])
        {
            channel.Writer.WriteLine(channel.Paint(style, line));
        }
    }

    private static void WriteModules(IReadOnlyList<ModuleChange> modules, Channel channel)
    {
        // Of very many, those that are not identical.
        List<ModuleChange> shown = [.. (modules.Count > MostModules ? modules.Where(static module => module.Different > 0) : modules).Take(MostModules)];
        int widest = Math.Min(WidestModule, shown.Select(static module => CellWidth.Of(Printable.Escape(module.Name))).DefaultIfEmpty(0).Max());
        foreach (ModuleChange module in shown)
        {
            string name = CellWidth.ShortenMiddle(Printable.Escape(module.Name), channel.Width is { } columns ? Math.Min(widest, columns / 2) : int.MaxValue);
            string words = DiffReport.Words(module);
            int left = Math.Max(widest, CellWidth.Of(name)) + 4;
            string line = channel.Width is { } width ? CellWidth.ShortenEnd(words, Math.Max(8, width - left)) : words;
            channel.Writer.WriteLine($"  {name}{new string(' ', left - 2 - CellWidth.Of(name))}{channel.Paint(module.Different == 0 ? Style.Dim : Style.Plain, line)}");
        }
        if (shown.Count < modules.Count)
        {
            channel.Writer.WriteLine(channel.Paint(Style.Dim, $"  … {modules.Count - shown.Count:N0} more; --json lists all"));
        }
    }

    private static IEnumerable<Column<TensorDiff>> Columns(DiffReport report, List<TensorDiff> changed)
    {
        Column<TensorDiff> Number(string title, Func<DifferenceStatistics, string> text) =>
            new(title, tensor => tensor.Statistics is { } statistics ? text(statistics) : "-") { IsNumber = true };
        yield return new("change", static tensor => DiffReport.Words(tensor.Change)) { Style = Style.Yellow };
        yield return new("dtype", DiffReport.DType) { Style = Style.Cyan };
        yield return new("shape", DiffReport.Shape);
        if (changed.Any(static tensor => tensor.Statistics is not null))
        {
            yield return Number("max |Δ|", static of => Quantity.Real(of.MaxAbsolute));
            yield return Number("RMSE", static of => Quantity.Real(of.RootMeanSquare));
            yield return Number("rel L2", static of => Quantity.Real(of.RelativeL2));
            yield return Number("cosine", static of => of.Cosine.ToString("0.000000"));
            yield return Number("changed", static of => Quantity.Percent(of.Changed, of.Count));
            yield return Number("max ULP", static of => of.MaxUlps is { } steps ? $"{steps:N0}" : "-");
        }
        if (changed.Any(static tensor => tensor.Statistics is { } of && of.NaNsA + of.NaNsB + of.InfinitiesA + of.InfinitiesB > 0))
        {
            yield return Number("NaN", static of => Sides(of.NaNsA, of.NaNsB));
            yield return Number("Inf", static of => Sides(of.InfinitiesA, of.InfinitiesB));
        }
        if (report.Request.HasRanks)
        {
            yield return new("rank", static tensor => tensor.Rank is { } rank ? $"{rank}" : "-") { IsNumber = true };
        }
    }

    private static string Sides(long a, long b) => a == b ? $"{a:N0}" : $"{a:N0} → {b:N0}";

    private static void WriteLines(List<string> sentences, Channel channel)
    {
        if (sentences.Count == 0)
        {
            return;
        }
        channel.Writer.WriteLine();
        foreach (string sentence in sentences)
        {
            string safe = Printable.Escape(sentence);
            foreach (string line in channel.Width is { } width ? CellWidth.Wrap(safe, width) : [safe])
            {
                channel.Writer.WriteLine(line);
            }
        }
    }
}
