using Weights.Cli.Terminal;
using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary><c>weights inspect</c> for people.</summary>
internal static class InspectText
{
    // Metadata can hold a tokenizer; what is longer than this is read with other tools.
    private const int LongestValue = 1000;
    private const int WidestKey = 40;

    /// <summary>Prints the whole report.</summary>
    public static void Write(Inspection inspection, Channel channel)
    {
        WriteSummary(inspection, channel);
        if (inspection.Modules is { } modules)
        {
            channel.Writer.WriteLine();
            TreeText.Write(modules, inspection.Depth, channel);
        }
        else if (inspection.Rows.Count > 0)
        {
            channel.Writer.WriteLine();
            Table(inspection).Write(inspection.Rows, channel);
        }
        if (inspection.Modules is null && inspection.IsWhole)
        {
            WriteLeftOut(inspection.Checkpoint.LeftOut, channel);
        }
    }

    private static void WriteSummary(Inspection inspection, Channel channel)
    {
        Checkpoint checkpoint = inspection.Checkpoint;
        Origin origin = checkpoint.Origin;
        Fields fields = new(channel);
        channel.Writer.WriteLine(channel.Paint(Style.Bold, Printable.Escape(origin.Path)));
        fields.Write("format", Printable.Escape(origin.Variant.Length == 0 ? origin.Format : $"{origin.Format} ({origin.Variant})"));
        string bytes = Quantity.Of(origin.FileBytes, "byte");
        fields.Write("size", origin.FileBytes < 1000 ? bytes : $"{Quantity.Bytes(origin.FileBytes)} ({bytes})");
        string selected = checkpoint.Tensors.Count == inspection.FileTensors ? "" : $" of {inspection.FileTensors:N0}";
        fields.Write("tensors", $"{checkpoint.Tensors.Count:N0}{selected}, {Quantity.Bytes(checkpoint.TensorBytes)}");
        fields.Write("parameters", Quantity.Parameters(checkpoint.ParameterCount));
        fields.Write("quantized", [.. Quantized(checkpoint)]);
        fields.Write("dtypes", [.. DTypes(inspection.DTypes, fields.ListWidth)]);
        if (inspection.Card is { } card)
        {
            CardText.Write(card, fields);
        }
        if (checkpoint.Graph is { } graph)
        {
            GraphText.Write(graph, fields);
        }
        MetadataValue.Map rest = new(checkpoint.Metadata.Where(entry => inspection.Card?.Sources.Contains(entry.Key) != true));
        fields.Write("metadata", [.. Metadata(rest, fields.ListWidth)]);
        fields.Write("aliases", [.. checkpoint.Aliases.Select(alias => Line(Words(alias), fields.ListWidth))]);
        fields.Write("left out", [.. checkpoint.LeftOut.SelectMany(part => Sentence(part, fields.ListWidth))]);
    }

    // What the parameters are that the types below say nothing of.
    private static IEnumerable<string> Quantized(Checkpoint checkpoint) =>
        from value in checkpoint.QuantizedValues
        let numbers = value.Kind == QuantizedValueKind.BlockMatrix ? $"{value.Bits}-bit integers" : checkpoint.Find(value.Numbers)!.DType.Name
        let blocks = value.BlockSize > 0 ? $", blocks of {value.BlockSize:N0}" : ""
        let zeroPoints = value.ZeroPoints is null ? "" : ", zero points"
        group value by $"as {numbers}, scales of {checkpoint.Find(value.Scales)!.DType}{blocks}{zeroPoints}" into alike
        select $"{Quantity.Of(alike.Count(), "weight")} {alike.Key}";

    private static string Words(Alias alias) => $"{alias.Name} {(alias.Kind == AliasKind.Same ? "is" : "overlaps")} {alias.Of}";

    // Whole, as it ends with what to do about it.
    private static IEnumerable<string> Sentence(LeftOut part, int? width)
    {
        string sentence = Printable.Escape($"{part.Path}: {part.Reason}");
        const string hanging = "  ";
        return width is { } columns ? CellWidth.Wrap(sentence, columns - hanging.Length).Select((line, index) => index == 0 ? line : hanging + line) : [sentence];
    }

    // Elements are left out where there is no room: parameters stand above, and bytes tell as much.
    private static IEnumerable<string> DTypes(IReadOnlyList<DTypeTotal> totals, int? width)
    {
        string[][] rows =
        [
            .. totals.Select(static total => (string[])
            [
                total.DType.Name,
                Quantity.Bytes(total.Bytes),
                Quantity.Of(total.Tensors, "tensor"),
                Quantity.Of(total.Elements, "element"),
            ]),
        ];
        int Widest(int column) => rows.Max(row => row[column].Length);
        foreach (string[] row in rows)
        {
            string line = $"{row[0].PadRight(Widest(0))}  {row[1].PadLeft(Widest(1))}  {row[2].PadLeft(Widest(2))}";
            string longer = $"{line}  {row[3].PadLeft(Widest(3))}";
            yield return width < longer.Length ? line : longer;
        }
    }

    private static IEnumerable<string> Metadata(MetadataValue.Map metadata, int? width)
    {
        int widest = metadata.Count == 0 ? 0 : metadata.Max(static entry => CellWidth.Of(Printable.Escape(entry.Key)));
        int keyWidth = Math.Min(widest, Math.Min(WidestKey, (width ?? int.MaxValue) / 3));
        foreach ((string key, MetadataValue value) in metadata)
        {
            string name = Printable.Escape(key);
            name = width is null ? name : CellWidth.ShortenMiddle(name, keyWidth);
            yield return Line($"{name}{new string(' ', Math.Max(0, keyWidth - CellWidth.Of(name)))}  {Shortened(value.ToText())}", width);
        }
    }

    private static string Shortened(string value) =>
        value.Length <= LongestValue ? value : $"{value[..LongestValue]}… ({value.Length:N0} characters; --json has all)";

    private static string Line(string text, int? width)
    {
        string safe = Printable.Escape(text);
        return width is { } columns ? CellWidth.ShortenEnd(safe, columns) : safe;
    }

    private static void WriteLeftOut(IReadOnlyList<LeftOut> parts, Channel channel)
    {
        foreach (LeftOut part in parts.Where(static part => part.Tensors.Count > 0))
        {
            channel.Writer.WriteLine();
            new Table<Tensor>($"{Printable.Escape(part.Path)}, left out", static tensor => Printable.Escape(tensor.Name), [.. TensorColumns()]).Write(part.Tensors, channel);
        }
    }

    private static IEnumerable<Column<Tensor>> TensorColumns() =>
    [
        new("dtype", static tensor => tensor.DType.Name) { Style = Style.Cyan },
        new("shape", static tensor => tensor.Shape.ToString()),
        new("bytes", static tensor => Quantity.Bytes(tensor.Bytes.Length)) { IsNumber = true },
    ];

    private static Table<Tensor> Table(Inspection inspection)
    {
        List<Column<Tensor>> columns =
        [
            .. TensorColumns(),
            new("share", tensor => Quantity.Percent(tensor.Bytes.Length, inspection.FileTensorBytes))
            {
                IsNumber = true,
                IsOptional = true,
                Style = Style.Dim,
            },
        ];
        if (inspection.Statistics is { } statistics)
        {
            columns.AddRange(StatisticsColumns(statistics));
        }
        return new Table<Tensor>("tensor", static tensor => Printable.Escape(tensor.Name), columns);
    }

    private static IEnumerable<Column<Tensor>> StatisticsColumns(IReadOnlyDictionary<Tensor, TensorStatistics> statistics)
    {
        Column<Tensor> Real(string title, Func<TensorStatistics, double?> value) =>
            new(title, tensor => value(statistics[tensor]) is { } number ? Quantity.Real(number) : "-") { IsNumber = true };
        Column<Tensor> Count(string title, Func<TensorStatistics, long> value) =>
            new(title, tensor => $"{value(statistics[tensor]):N0}") { IsNumber = true };
        return
        [
            Real("min", static of => of.Min),
            Real("max", static of => of.Max),
            Real("mean", static of => of.Mean),
            Real("std", static of => of.StandardDeviation),
            Count("zeros", static of => of.Zeros),
            Count("NaN", static of => of.NaNs),
            Count("Inf", static of => of.Infinities),
        ];
    }
}
