using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Weights.Cli.Terminal;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary>
/// <c>weights diff</c> as one page that needs nothing else: a summary, a heat map of layers, and a table of tensors with histograms, which a
/// script sorts and filters. Without the script everything but the large histograms is there. Its security policy lets no other script run and
/// nothing be loaded.
/// </summary>
internal sealed class DiffHtml
{
    private readonly DiffReport _report;
    private readonly HtmlWriter _html;

    private DiffHtml(DiffReport report, HtmlWriter html) => (_report, _html) = (report, html);

    /// <summary>Prints the page.</summary>
    public static void Write(DiffReport report, Channel channel) => new DiffHtml(report, new HtmlWriter(channel.Writer)).Write();

    private void Write()
    {
        string script = Resource("diff.js");
        string digest = System.Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)));
        _html.Raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .Raw($"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'\">\n")
            .Raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n")
            .Element("title", $"{_report.Request.A} and {_report.Request.B}: weights diff")
            .Raw("\n<style>\n").Raw(Resource("diff.css")).Raw("</style>\n</head>\n<body>\n");
        WriteHeader();
        _html.Raw("<main>\n");
        WriteTiles();
        new DiffHtmlLayers(_report, _html).Write();
        new DiffHtmlTensors(_report, _html).Write();
        WriteTies();
        _html.Raw("</main>\n<footer>\n<p>Differences are B − A. Sums are over numbers that are finite on both sides. Relative L2 is ‖B − A‖ / ‖A‖; RMSE is the root of the mean squared difference; ")
            .Raw("a change of 1 ULP is one step to the next number of the type.</p>\n</footer>\n<script>").Raw(script).Raw("</script>\n</body>\n</html>\n");
    }

    private void WriteHeader()
    {
        _html.Raw("<header>\n<h1>").Raw(HtmlWriter.Name(_report.Request.A)).Raw("<span class=\"arrow\" aria-hidden=\"true\">→</span><span class=\"spoken\"> compared with </span>").Raw(HtmlWriter.Name(_report.Request.B)).Raw("</h1>\n");
        string mark = _report.Diff.IsSame ? "✓" : "≠";
        _html.Raw($"<p class=\"verdict {(_report.Diff.IsSame ? "same" : "different")}\"><span aria-hidden=\"true\">{mark}</span> ").Text(_report.Verdict).Raw("</p>\n<p class=\"note\">");
        WriteSide("A", _report.Diff.A);
        _html.Raw(" · ");
        WriteSide("B", _report.Diff.B);
        if (_report.Request.Tolerance.IsAny)
        {
            _html.Raw(" · ").Text($"tolerance: absolute {Quantity.Real(_report.Request.Tolerance.Absolute)}, relative {Quantity.Real(_report.Request.Tolerance.Relative)}{(_report.Request.Tolerance.LeastCosine is { } cosine ? $", cosine {Quantity.Real(cosine)}" : "")}");
        }
        _html.Raw("</p>\n</header>\n");
    }

    private void WriteSide(string side, Checkpoint checkpoint) =>
        _html.Text($"{side}: {checkpoint.Origin.Format}, {Quantity.Of(checkpoint.Tensors.Count, "tensor")}, {Quantity.Bytes(checkpoint.TensorBytes)}");

    private void WriteTiles()
    {
        List<DifferenceStatistics> statistics = [.. _report.Diff.Tensors.Select(static tensor => tensor.Statistics).OfType<DifferenceStatistics>()];
        int identical = _report.Diff.Tensors.Count(static tensor => tensor.Change == TensorChange.Identical);
        long numbers = LayerStatistics.Compared(_report.Diff.Tensors);
        long changed = statistics.Sum(static of => of.Changed);
        _html.Raw("<dl class=\"tiles\">\n");
        WriteTile("tensors compared", $"{_report.Diff.Compared:N0}", $"of {_report.Diff.Tensors.Count:N0} in both files together");
        WriteTile("identical", $"{identical:N0}", $"{_report.Diff.Tensors.Count - identical:N0} not");
        WriteTile("numbers changed", numbers == 0 ? "-" : Quantity.Percent(changed, numbers), numbers == 0 ? "none were compared" : $"{changed:N0} of {numbers:N0}");
        WriteLargest("largest |Δ|", static of => of.MaxAbsolute);
        WriteLargest("largest relative L2", static of => of.RelativeL2);
        WriteLargest("smallest cosine", static of => -of.Cosine, static of => of.Cosine.ToString("0.000000"));
        _html.Raw("</dl>\n");
    }

    private void WriteLargest(string title, Func<DifferenceStatistics, double> size, Func<DifferenceStatistics, string>? text = null)
    {
        TensorDiff? largest = _report.Diff.Tensors.Where(tensor => tensor.Statistics is { } of && !double.IsNaN(size(of))).MaxBy(tensor => size(tensor.Statistics!));
        WriteTile(title, largest is null ? "-" : text is null ? Quantity.Real(size(largest.Statistics!)) : text(largest.Statistics!), largest?.Name ?? "no numbers differ");
    }

    private void WriteTile(string title, string number, string rest) => _html.Raw("<div>").Element("dt", title).Raw("<dd>").Text(number).Raw("<small>").Raw(HtmlWriter.Name(rest)).Raw("</small></dd></div>\n");

    private void WriteTies()
    {
        if (_report.Diff.TieChanges.Count == 0)
        {
            return;
        }
        _html.Raw("<section aria-labelledby=\"ties-title\">\n<h2 id=\"ties-title\">Names that share a tensor</h2>\n<ul>\n");
        foreach (TieDiff tie in _report.Diff.TieChanges)
        {
            _html.Element("li", DiffReport.Words(tie), "class=\"name\"").Raw("\n");
        }
        _html.Raw("</ul>\n</section>\n");
    }

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is missing from the assembly");
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
