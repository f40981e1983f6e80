using Weights.Cli.Terminal;
using Weights.IO;
using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary><c>weights graft</c> for people.</summary>
internal static class GraftText
{
    private const int MostLines = 20;
    private const int LongestGroup = 4;

    /// <summary>What would go where: files, counts, and whatever does not go as it is under its own name.</summary>
    public static void WritePlan(GraftReport report, Channel channel)
    {
        Conversion written = report.Written;
        channel.Writer.WriteLine($"would write {written.Format}: {Counts(report)}, {Quantity.Bytes(written.Bytes)}");
        int widest = written.Files.Max(static file => Quantity.Bytes(file.Length).Length);
        foreach (FileLayout file in written.Files)
        {
            channel.Writer.WriteLine($"  {Quantity.Bytes(file.Length).PadLeft(widest)}  {Printable.Escape(written.PathOf(file))}");
        }
        List<string[]> rows = [.. report.Result.Replaced
            .Where(static grafted => !grafted.Relation.IsAsItIs || grafted.Tensor.Name != grafted.From.Name)
            .Select(static grafted => (string[])[Printable.Escape(grafted.Tensor.Name), Printable.Escape(grafted.From.Name), GraftReport.Name(grafted.By), grafted.Relation.ToString()])];
        if (rows.Count == 0)
        {
            return;
        }
        channel.Writer.WriteLine();
        List<string[]> shown = [["tensor", "from", "by", "how"], .. rows.Take(MostLines)];
        int[] widths = [.. Enumerable.Range(0, 3).Select(column => shown.Max(row => CellWidth.Of(row[column])))];
        foreach (string[] row in shown)
        {
            string cells = string.Concat(Enumerable.Range(0, 3).Select(column => row[column] + new string(' ', widths[column] - CellWidth.Of(row[column]) + 2)));
            channel.Writer.WriteLine(cells + row[3]);
        }
        if (rows.Count > MostLines)
        {
            channel.Writer.WriteLine($"… {rows.Count - MostLines:N0} more; --json lists all");
        }
    }

    /// <summary>A line for everything that was changed in the same way; the first few are named.</summary>
    public static void WriteNotes(GraftReport report, Session session)
    {
        List<IGrouping<string, Grafted>> groups = [.. report.Result.Replaced.Where(static grafted => !grafted.Relation.IsAsItIs).GroupBy(static grafted => grafted.Relation.ToString())];
        foreach (IGrouping<string, Grafted> group in groups.Take(MostLines))
        {
            List<Grafted> changed = [.. group];
            string named = string.Join(", ", changed.Take(LongestGroup).Select(static grafted => grafted.Tensor.Name == grafted.From.Name ? grafted.Tensor.Name : $"{grafted.Tensor.Name} (from {grafted.From.Name})"));
            string others = changed.Count > LongestGroup ? $" and {changed.Count - LongestGroup:N0} more" : "";
            session.Note($"{group.Key}: {named}{others}");
        }
        if (groups.Count > MostLines)
        {
            session.Note($"{Quantity.Of(groups.Skip(MostLines).Sum(static group => group.Count()), "tensor")} more changed in other ways; --json lists all");
        }
    }

    /// <summary>For example <c>out.pt: 120 of 123 tensors replaced (100 by name, 20 by content), 97.5 MB in 0.12 s, 812 MB/s</c>.</summary>
    public static string Summary(GraftReport report)
    {
        Conversion written = report.Written;
        TimeSpan time = written.Time ?? TimeSpan.Zero;
        return $"{written.Output}: {Counts(report)}, {Quantity.Bytes(written.Bytes)} in {Quantity.Time(time)}, {Quantity.Rate(written.Bytes, time)}";
    }

    private static string Counts(GraftReport report)
    {
        IEnumerable<string> ways = Enum.GetValues<GraftMethod>().Where(by => report.Count(by) > 0).Select(by => $"{report.Count(by):N0} by {GraftReport.Name(by)}");
        return $"{report.Result.Replaced.Count:N0} of {Quantity.Of(report.Model.Tensors.Count, "tensor")} replaced ({string.Join(", ", ways)})";
    }
}
