using System.Globalization;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary>The heat map of the page: a row for each layer, a column for each statistic, numbers in every cell.</summary>
internal sealed class DiffHtmlLayers(DiffReport report, HtmlWriter html)
{
    // From here on the other colour of text is easier to read: on a dark page, and on a light one.
    private const double Warm = 0.5;
    private const double Hot = 0.62;

    // From the smallest number of a column to the largest; of a wider range the lower part is one colour, and a narrower one looks narrow.
    private const double MostDecades = 5;
    private const double LeastDecades = 1;
    private const double Faintest = 0.06;

    private static readonly Measure[] s_measures =
    [
        new("changed", "share of the numbers that changed", static of => of.ChangedShare, static value => $"{value * 100:0.0}%", IsShare: true),
        new("max |Δ|", "largest difference of a number", static of => of.MaxAbsolute, Quantity.Real),
        new("mean |Δ|", "mean difference over all numbers of the layer", static of => of.MeanAbsolute, Quantity.Real),
        new("RMSE", "root of the mean squared difference over all numbers of the layer", static of => of.RootMeanSquare, Quantity.Real),
        new("relative L2", "‖B − A‖ / ‖A‖, the largest of the layer's tensors", static of => of.RelativeL2, Quantity.Real),
        new("1 − cosine", "one less the cosine of the angle between A and B, the largest of the layer's tensors", static of => 1 - of.Cosine, Quantity.Real),
    ];

    /// <summary>Prints it.</summary>
    public void Write()
    {
        List<LayerStatistics> layers = [.. LayerStatistics.Of(report.Diff).Where(layer => layer.Different > 0 || !report.Request.OnlyChanged)];
        if (layers.Count == 0)
        {
            return;
        }
        html.Raw("<section aria-labelledby=\"layers-title\">\n<h2 id=\"layers-title\">Layers</h2>\n")
            .Raw($"<p class=\"hint\">Tensors by what their names begin with, up to the first number. The deeper the colour, the larger the number within its column (logarithmic, but for shares); · is identical, - was not compared. ")
            .Raw("<span class=\"only-script\">A layer's name shows its tensors below.</span></p>\n")
            .Raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"layers-title\">\n<table id=\"layers\" class=\"heat\">\n<thead><tr><th scope=\"col\"><span class=\"title\">layer</span></th>");
        foreach (Measure measure in s_measures)
        {
            html.Raw("<th scope=\"col\" class=\"number\"><span class=\"title\"").Attribute("title", measure.Explanation).Raw(">").Text(measure.Title).Raw("</span></th>");
        }
        html.Raw("</tr></thead>\n<tbody>\n");
        Scale[] scales = [.. s_measures.Select(measure => Scale.Of(layers.Where(static layer => layer.HasStatistics).Select(measure.Value)))];
        foreach (LayerStatistics layer in layers)
        {
            WriteRow(layer, scales);
        }
        html.Raw("</tbody>\n</table>\n</div>\n</section>\n");
    }

    private void WriteRow(LayerStatistics layer, Scale[] scales)
    {
        html.Raw("<tr><th scope=\"row\"").Attribute("title", layer.Name).Raw("><button type=\"button\" class=\"link\"").Attribute("data-layer", layer.Name).Raw(">").Raw(HtmlWriter.Name(layer.Name))
            .Raw("</button>").Element("span", $"{layer.Different:N0} of {layer.Tensors.Count:N0}", "class=\"count\" title=\"tensors that are not identical\"").Raw("</th>");
        for (int index = 0; index < s_measures.Length; index++)
        {
            if (!layer.HasStatistics)
            {
                html.Raw("<td class=\"none\">").Text(layer.Different == 0 ? "·" : "-").Raw(layer.Different == 0 ? "<span class=\"spoken\">identical</span></td>" : "<span class=\"spoken\">not compared</span></td>");
                continue;
            }
            Measure measure = s_measures[index];
            double value = measure.Value(layer);
            double heat = measure.IsShare ? value : scales[index].Heat(value);
            html.Raw($"<td{(heat > Hot ? " class=\"warm hot\"" : heat > Warm ? " class=\"warm\"" : "")} style=\"--heat:{heat.ToString("0.###", CultureInfo.InvariantCulture)}\">").Text(measure.Text(value)).Raw("</td>");
        }
        html.Raw("</tr>\n");
    }

    private sealed record Measure(string Title, string Explanation, Func<LayerStatistics, double> Value, Func<double, string> Text, bool IsShare = false);

    // Colours for the numbers of a column.
    private readonly record struct Scale(double Largest, double Decades)
    {
        public static Scale Of(IEnumerable<double> values)
        {
            double[] positive = [.. values.Where(static value => value > 0 && double.IsFinite(value))];
            return positive.Length == 0 ? new Scale(0, LeastDecades) : new Scale(positive.Max(), Math.Clamp(Math.Log10(positive.Max() / positive.Min()), LeastDecades, MostDecades));
        }

        public double Heat(double value) =>
            !(value > 0) ? 0
            : value >= Largest ? 1
            : Math.Max(Faintest, 1 - ((1 - Faintest) * Math.Log10(Largest / value) / Decades));
    }
}
