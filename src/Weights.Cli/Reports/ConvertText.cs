using Weights.Cli.Terminal;
using Weights.IO;

namespace Weights.Cli.Reports;

/// <summary><c>weights convert</c> for people.</summary>
internal static class ConvertText
{
    private const int LongestGroup = 4;
    private const int MostGroups = 20;

    /// <summary>What would be written.</summary>
    public static void WritePlan(Conversion conversion, Channel channel)
    {
        channel.Writer.WriteLine($"would write {conversion.Format}: {Quantity.Of(conversion.Checkpoint.Tensors.Count, "tensor")} in {Quantity.Of(conversion.Files.Count, "file")}, {Quantity.Bytes(conversion.Bytes)}");
        int widest = conversion.Files.Max(static file => Quantity.Bytes(file.Length).Length);
        foreach (FileLayout file in conversion.Files)
        {
            channel.Writer.WriteLine($"  {Quantity.Bytes(file.Length).PadLeft(widest)}  {Printable.Escape(conversion.PathOf(file))}");
        }
    }

    /// <summary>For example <c>model.safetensors: 123 tensors, 97.5 MB in 0.12 s, 812 MB/s</c>.</summary>
    public static string Summary(Conversion conversion)
    {
        TimeSpan time = conversion.Time ?? TimeSpan.Zero;
        string files = conversion.Files.Count == 1 ? "" : $" in {conversion.Files.Count:N0} files ({conversion.Files[0].Name} … {conversion.Files[^1].Name})";
        return $"{conversion.Output}: {Quantity.Of(conversion.Checkpoint.Tensors.Count, "tensor")}, {Quantity.Bytes(conversion.Bytes)}{files} in {Quantity.Time(time)}, {Quantity.Rate(conversion.Bytes, time)}";
    }

    /// <summary>A line for everything that happened to tensors for the same reason; the first few are named.</summary>
    public static void WriteLedger(Ledger ledger, Session session)
    {
        List<IGrouping<(LedgerKind Kind, string Reason), LedgerEntry>> groups = [.. ledger.GroupBy(static entry => (entry.Kind, entry.Reason))];
        foreach (IGrouping<(LedgerKind Kind, string Reason), LedgerEntry> group in groups.Take(MostGroups))
        {
            List<string> subjects = [.. group.Select(static entry => entry.Subject)];
            string named = string.Join(", ", subjects.Take(LongestGroup));
            string others = subjects.Count > LongestGroup ? $" and {subjects.Count - LongestGroup:N0} more" : "";
            session.Warn($"{Verb(group.Key.Kind)} {named}{others}: {group.Key.Reason}");
        }
        if (groups.Count > MostGroups)
        {
            session.Warn($"{Quantity.Of(groups.Skip(MostGroups).Sum(static group => group.Count()), "more entry")}; --json lists all");
        }
    }

    private static string Verb(LedgerKind kind) => kind switch
    {
        LedgerKind.LeftOut => "left out",
        LedgerKind.Cast => "cast",
        LedgerKind.Renamed => "renamed",
        LedgerKind.Deduplicated => "deduplicated",
        LedgerKind.Untied => "untied",
        LedgerKind.Restated => "restated",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
