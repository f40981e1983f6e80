using Weights.Cli.Terminal;
using Weights.IO;
using Weights.Passes.Patch;

namespace Weights.Cli.Reports;

/// <summary><c>weights patch</c>, and <c>weights diff</c> where it writes a patch, for people.</summary>
internal static class PatchText
{
    /// <summary>What would be written, and what the patch has for it.</summary>
    public static void WritePlan(PatchReport report, Channel channel)
    {
        Conversion written = report.Written;
        channel.Writer.WriteLine($"would write {written.Format}: {Counts(report)}, {Quantity.Bytes(written.Bytes)}");
        int widest = written.Files.Max(static file => Quantity.Bytes(file.Length).Length);
        foreach (FileLayout file in written.Files)
        {
            channel.Writer.WriteLine($"  {Quantity.Bytes(file.Length).PadLeft(widest)}  {Printable.Escape(written.PathOf(file))}");
        }
        channel.Writer.WriteLine();
        Fields fields = new(channel);
        fields.Write("base", report.BaseId);
        fields.Write("result", report.TargetId);
        List<PatchTensor> changed = [.. report.Tensors.Where(static tensor => tensor.Method != PatchMethod.Base || tensor.Source != tensor.Name)];
        if (changed.Count > 0)
        {
            channel.Writer.WriteLine();
            List<Column<PatchTensor>> columns =
            [
                new("dtype", static tensor => tensor.DType.Name) { Style = Style.Cyan },
                new("shape", static tensor => tensor.Shape.ToString()),
                new("method", static tensor => PatchReport.Name(tensor.Method)) { Style = Style.Yellow },
                new("from", static tensor => tensor.Source is null || tensor.Source == tensor.Name ? "-" : Printable.Escape(tensor.Source)),
                new("size", static tensor => Quantity.Bytes(tensor.Bytes)) { IsNumber = true },
                new("in patch", static tensor => Quantity.Bytes(tensor.PatchBytes)) { IsNumber = true },
            ];
            new Table<PatchTensor>("tensor", static tensor => Printable.Escape(tensor.Name), columns).Write(changed, channel);
        }
    }

    /// <summary>For example <c>tuned.safetensors: 123 tensors (120 same, 3 delta), 97.5 MB in 0.12 s, 812 MB/s; id 90ca…</c>.</summary>
    public static string Summary(PatchReport report) => $"{report.Written.Output}: {Counts(report)}, {Quantity.Bytes(report.Written.Bytes)} in {Speed(report, report.Written.Bytes)}; verified, id {report.TargetId}";

    /// <summary>For example <c>tuned.wpatch: 123 tensors (120 same, 3 delta), 1.23 MB for 97.5 MB in 0.12 s, 812 MB/s</c>.</summary>
    public static string MakingSummary(PatchReport report)
    {
        long bytes = report.Written.Checkpoint.TensorBytes;
        return $"{report.Written.Output}: {Counts(report)}, {Quantity.Bytes(report.PatchBytes)} for {Quantity.Bytes(bytes)} in {Speed(report, bytes)}; makes {report.TargetId} of {report.BaseId}";
    }

    private static string Speed(PatchReport report, long bytes)
    {
        TimeSpan time = report.Written.Time ?? TimeSpan.Zero;
        return $"{Quantity.Time(time)}, {Quantity.Rate(bytes, time)}";
    }

    private static string Counts(PatchReport report)
    {
        IEnumerable<string> methods = report.Tensors.GroupBy(static tensor => tensor.Method).OrderBy(static group => group.Key).Select(static group => $"{group.Count():N0} {PatchReport.Name(group.Key)}");
        return $"{Quantity.Of(report.Tensors.Count, "tensor")}{(report.Tensors.Count == 0 ? "" : $" ({string.Join(", ", methods)})")}";
    }
}
