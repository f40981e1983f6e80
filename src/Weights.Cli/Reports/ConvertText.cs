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
        string files = Quantity.Of(conversion.Files.Count, "file");
        channel.Writer.WriteLine($"would write {conversion.Format}: {Tensors(conversion)} in {files}, {Quantity.Bytes(conversion.Bytes)}");
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
        IReadOnlyList<FileLayout> files = conversion.Files;
        string shards = files.Count == 1 ? "" : $" in {files.Count:N0} files ({files[0].Name} … {files[^1].Name})";
        string speed = $"{Quantity.Time(time)}, {Quantity.Rate(conversion.Bytes, time)}";
        return $"{conversion.Output}: {Tensors(conversion)}, {Quantity.Bytes(conversion.Bytes)}{shards} in {speed}";
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

    private static string Tensors(Conversion conversion) => Quantity.Of(conversion.Checkpoint.Tensors.Count, "tensor");

    private static string Verb(LedgerKind kind) => ConvertJson.Name(kind).Replace('_', ' ');
}
