using System.Globalization;
using System.Text;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary>The table of the page: a row for each tensor, with a small histogram of the difference; what its script shows besides is in attributes.</summary>
internal sealed class DiffHtmlTensors
{
    private const int LowestClass = -64;
    private const int SparkHeight = 20;

    private readonly DiffReport _report;
    private readonly HtmlWriter _html;
    private readonly List<TensorDiff> _tensors;
    private readonly List<Column> _columns;
    private readonly (int First, int Last) _range; // Of the classes that any histogram uses: all have one scale.

    public DiffHtmlTensors(DiffReport report, HtmlWriter html)
    {
        (_report, _html) = (report, html);
        _tensors = [.. report.Tensors];
        _columns = [.. Columns(report)];
        int[] used = [.. _tensors.SelectMany(static tensor => Used(tensor)).Distinct()];
        _range = used.Length == 0 ? (0, 0) : (used.Min(), used.Max());
    }

    /// <summary>Prints it.</summary>
    public void Write()
    {
        _html.Raw("<section aria-labelledby=\"tensors-title\">\n<h2 id=\"tensors-title\">Tensors</h2>\n");
        WriteTools();
        _html.Raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"tensors-title\">\n<table id=\"tensors\">\n<thead><tr>");
        WriteHead("tensor", "its name in B, or in A where it is only there", isSorted: true, isNumber: false);
        WriteHead("change", "what became of it", isSorted: true, isNumber: false);
        WriteHead("dtype", "element type", isSorted: true, isNumber: false);
        WriteHead("shape", "dimensions, outermost first", isSorted: false, isNumber: false);
        WriteHead("size of Δ", $"histogram of |Δ| by powers of two, from {Power(_range.First)} to {Power(_range.Last + 1)}, the same for all tensors", isSorted: false, isNumber: false);
        foreach (Column column in _columns)
        {
            WriteHead(column.Title, column.Explanation, isSorted: true, isNumber: true);
        }
        _html.Raw("</tr></thead>\n<tbody>\n");
        Dictionary<TensorDiff, string> layers = new(ReferenceEqualityComparer.Instance);
        foreach (LayerStatistics layer in LayerStatistics.Of(_report.Diff))
        {
            foreach (TensorDiff tensor in layer.Tensors)
            {
                layers[tensor] = layer.Name;
            }
        }
        Dictionary<TensorDiff, int> order = new(ReferenceEqualityComparer.Instance);
        foreach (TensorDiff tensor in _tensors.OrderBy(static tensor => tensor.Name, NaturalOrder.Instance))
        {
            order.Add(tensor, order.Count);
        }
        foreach (TensorDiff tensor in _tensors)
        {
            WriteRow(tensor, layers[tensor], order[tensor]);
        }
        _html.Raw("</tbody>\n</table>\n</div>\n</section>\n");
    }

    private void WriteTools()
    {
        _html.Raw("<div class=\"tools only-script\">\n<label><span class=\"spoken\">Filter by name</span><input type=\"search\" id=\"search\" placeholder=\"filter by name\" autocomplete=\"off\" spellcheck=\"false\"></label>\n")
            .Raw("<div class=\"chips\" id=\"kinds\" role=\"group\" aria-label=\"only these changes\">");
        foreach (IGrouping<TensorChange, TensorDiff> kind in _tensors.GroupBy(static tensor => tensor.Change).OrderBy(static kind => kind.Key))
        {
            _html.Raw($"<button type=\"button\" class=\"chip\" aria-pressed=\"false\" data-kind=\"{DiffReport.Name(kind.Key)}\">").Text($"{DiffReport.Words(kind.Key)} {kind.Count():N0}").Raw("</button>");
        }
        _html.Raw("</div>\n<button type=\"button\" class=\"chip\" id=\"layer\" aria-pressed=\"true\" hidden></button>\n<span id=\"status\" class=\"note\" role=\"status\"></span>\n<button type=\"button\" id=\"more\" hidden>show all</button>\n</div>\n");
    }

    private void WriteHead(string title, string explanation, bool isSorted, bool isNumber)
    {
        string classes = string.Join(' ', new[] { isSorted ? "sorted" : "", isNumber ? "number" : "" }.Where(static one => one.Length > 0));
        _html.Raw($"<th scope=\"col\"{(classes.Length == 0 ? "" : $" class=\"{classes}\"")}><span class=\"title\"").Attribute("title", explanation).Raw(">").Text(title).Raw("</span></th>");
    }

    private void WriteRow(TensorDiff tensor, string layer, int order)
    {
        _html.Raw($"<tr data-order=\"{order}\" data-kind=\"{DiffReport.Name(tensor.Change)}\"").Attribute("data-layer", layer);
        if (tensor.Statistics is { Changed: > 0 } statistics)
        {
            _html.Raw($" data-histogram=\"{string.Join(' ', Used(tensor).Select(index => $"{index + LowestClass}:{statistics.Histogram[index].ToString(CultureInfo.InvariantCulture)}"))}\"");
        }
        // Printable text has neither line feeds nor tabs of its own; those between facts are what the script splits at.
        _html.Raw(" data-facts=\"").Raw(string.Join("&#10;", Facts(tensor).Select(static fact => $"{HtmlWriter.Escape(fact.Title)}&#9;{HtmlWriter.Escape(fact.Text)}"))).Raw("\">");
        _html.Raw("<th scope=\"row\"").Attribute("title", tensor.Name).Raw("><button type=\"button\" class=\"link\">").Raw(HtmlWriter.Name(tensor.Name)).Raw("</button>");
        if (DiffReport.Relation(tensor) is { } relation)
        {
            _html.Raw("<span class=\"relation\">").Raw(HtmlWriter.Name(relation)).Raw("</span>");
        }
        _html.Raw("</th>").Raw($"<td><span class=\"kind{(tensor.Change == TensorChange.Identical ? " same" : "")}\">").Text(DiffReport.Words(tensor.Change)).Raw("</span></td>")
            .Element("td", DiffReport.DType(tensor)).Element("td", DiffReport.Shape(tensor)).Raw("<td>");
        WriteSpark(tensor);
        _html.Raw("</td>");
        foreach (Column column in _columns)
        {
            double? value = column.Value(tensor);
            _html.Raw($"<td class=\"number\" data-value=\"{(value is { } number && !double.IsNaN(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "")}\">").Text(value is null ? "" : column.Text(value.Value)).Raw("</td>");
        }
        _html.Raw("</tr>\n");
    }

    // One path of bars for a whole histogram: thousands of them are drawn at once.
    private void WriteSpark(TensorDiff tensor)
    {
        List<int> used = [.. Used(tensor)];
        if (used.Count == 0)
        {
            return;
        }
        IReadOnlyList<long> histogram = tensor.Statistics!.Histogram;
        int width = _range.Last - _range.First + 1;
        double most = used.Max(index => histogram[index]);
        StringBuilder path = new();
        foreach (int index in used.Where(index => histogram[index] > 0))
        {
            string height = Math.Max(1, SparkHeight * histogram[index] / most).ToString("0.#", CultureInfo.InvariantCulture);
            path.Append($"M{index - _range.First} {SparkHeight}v-{height}h.9v{height}z");
        }
        int commonest = used.MaxBy(index => histogram[index]);
        string label = $"differences from {Power(used[0])} to {Power(used[^1] + 1)}, most about {Power(commonest)}";
        _html.Raw($"<svg class=\"spark\" viewBox=\"0 0 {width} {SparkHeight + 1}\" preserveAspectRatio=\"none\" role=\"img\"").Attribute("aria-label", label).Raw($"><line x1=\"0\" x2=\"{width}\" y1=\"{SparkHeight + .5}\" y2=\"{SparkHeight + .5}\"/><path d=\"{path}\"/></svg>");
    }

    // Classes from the first that has differences to the last.
    private static IEnumerable<int> Used(TensorDiff tensor)
    {
        if (tensor.Statistics is not { Histogram: { Count: > 0 } histogram })
        {
            return [];
        }
        int[] filled = [.. Enumerable.Range(0, histogram.Count).Where(index => histogram[index] > 0)];
        return filled.Length == 0 ? [] : Enumerable.Range(filled[0], filled[^1] - filled[0] + 1);
    }

    private static IEnumerable<(string Title, string Text)> Facts(TensorDiff tensor)
    {
        yield return ("A", Side(tensor.A));
        yield return ("B", Side(tensor.B));
        if (DiffReport.Relation(tensor) is { } relation)
        {
            yield return ("how", relation);
        }
        if (tensor.Statistics is not { } of)
        {
            yield break;
        }
        yield return ("numbers", $"{of.Count:N0}, of which {of.Changed:N0} changed ({Quantity.Percent(of.Changed, of.Count)})");
        yield return ("beyond tolerance", $"{of.Beyond:N0}");
        yield return ("max |Δ|", $"{of.MaxAbsolute.ToString("R", CultureInfo.InvariantCulture)}{(of.WorstIndex is { } worst ? $" at number {worst:N0}" : "")}");
        yield return ("mean |Δ|", of.MeanAbsolute.ToString("R", CultureInfo.InvariantCulture));
        yield return ("RMSE", of.RootMeanSquare.ToString("R", CultureInfo.InvariantCulture));
        yield return ("relative L2", of.RelativeL2.ToString("R", CultureInfo.InvariantCulture));
        yield return ("cosine", of.Cosine.ToString("R", CultureInfo.InvariantCulture));
        yield return ("signal to difference", $"{of.SignalToNoise:0.0} dB");
        if (of.MaxUlps is { } steps)
        {
            yield return ("max ULP", $"{steps:N0}");
        }
        yield return ("NaN", $"{of.NaNsA:N0} in A, {of.NaNsB:N0} in B");
        yield return ("infinite", $"{of.InfinitiesA:N0} in A, {of.InfinitiesB:N0} in B");
    }

    private static string Side(IReadOnlyList<Tensor> tensors)
    {
        const int most = 8;
        string some = string.Join(", ", tensors.Take(most).Select(static tensor => $"{tensor.Name} {tensor.DType.Name} {tensor.Shape}"));
        return tensors.Count == 0 ? "not there" : tensors.Count > most ? $"{some} and {tensors.Count - most:N0} more" : some;
    }

    private static IEnumerable<Column> Columns(DiffReport report)
    {
        static Column Of(string title, string explanation, Func<DifferenceStatistics, double> value, Func<double, string> text) =>
            new(title, explanation, tensor => tensor.Statistics is { } of ? value(of) : null, text);
        yield return Of("max |Δ|", "largest difference of a number", static of => of.MaxAbsolute, Quantity.Real);
        yield return Of("RMSE", "root of the mean squared difference", static of => of.RootMeanSquare, Quantity.Real);
        yield return Of("rel L2", "‖B − A‖ / ‖A‖", static of => of.RelativeL2, Quantity.Real);
        yield return Of("cosine", "cosine of the angle between A and B", static of => of.Cosine, static value => value.ToString("0.000000"));
        yield return Of("changed", "share of the numbers that changed", static of => of.ChangedShare, static value => $"{value * 100:0.0}%");
        yield return new("max ULP", "most steps from one number of the type to the next", static tensor => tensor.Statistics?.MaxUlps, static value => $"{value:N0}");
        if (report.Request.HasRanks)
        {
            yield return new("rank", "numerical rank of the difference; none where it is full", static tensor => tensor.Rank, static value => $"{value:N0}");
        }
    }

    private static string Power(int histogramClass)
    {
        const string digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
        return "2" + string.Concat((histogramClass + LowestClass).ToString(CultureInfo.InvariantCulture).Select(static sign => sign == '-' ? '⁻' : digits[sign - '0']));
    }

    private sealed record Column(string Title, string Explanation, Func<TensorDiff, double?> Value, Func<double, string> Text);
}
