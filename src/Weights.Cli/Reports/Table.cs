using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary>A column of a <see cref="Table{T}"/>.</summary>
/// <param name="Title">What it is, in its heading.</param>
/// <param name="Text">The cell of a row; called twice for each.</param>
internal sealed record Column<T>(string Title, Func<T, string> Text)
{
    /// <summary>Whether it is flush right, as numbers are.</summary>
    public bool IsNumber { get; init; }

    /// <summary>Whether it is left out where it would need a line of its own.</summary>
    public bool IsOptional { get; init; }

    /// <summary>How it is coloured.</summary>
    public Style Style { get; init; }
}

/// <summary>
/// Rows of a name and columns beside it. Where nobody counts columns, and where they fit, a row is a line; on a narrow
/// terminal the name stands above the columns, which take as many lines as they need. Cells are never longer than the
/// terminal: names lose their middle.
/// </summary>
/// <remarks>
/// Rows are asked for their cells twice, once for widths and once to print, so that 100,000 of them need no memory.
/// </remarks>
internal sealed class Table<T>(string nameTitle, Func<T, string> name, IReadOnlyList<Column<T>> columns)
{
    private const int Gap = 2;
    private const int NarrowestName = 24;
    private const int WidestCell = 36;

    private readonly int[] _widths = new int[columns.Count];
    private int _nameWidth;

    /// <summary>Prints the heading and the rows.</summary>
    public void Write(IReadOnlyList<T> rows, Channel channel)
    {
        Measure(rows, channel.Width);
        int beside = _widths.Sum(static width => width + Gap);
        List<List<int>> lines = [[.. Enumerable.Range(0, columns.Count)]];
        if (channel.Width is { } width && _nameWidth + beside > width)
        {
            int forName = width - beside;
            if (forName < Math.Min(_nameWidth, NarrowestName))
            {
                WriteStacked(rows, channel, width);
                return;
            }
            _nameWidth = forName;
        }
        WriteLines(rows, channel, lines, indent: null);
    }

    private void WriteStacked(IReadOnlyList<T> rows, Channel channel, int width)
    {
        List<List<int>> lines = [[]];
        int used = 0;
        for (int index = 0; index < columns.Count; index++)
        {
            if (used + Gap + _widths[index] > width && lines[^1].Count > 0)
            {
                if (columns[index].IsOptional)
                {
                    continue;
                }
                lines.Add([]);
                used = 0;
            }
            lines[^1].Add(index);
            used += Gap + _widths[index];
        }
        _nameWidth = width;
        WriteLines(rows, channel, lines, indent: new string(' ', Gap));
    }

    // With an indent, the name has a line of its own and each further line starts with it.
    private void WriteLines(IReadOnlyList<T> rows, Channel channel, List<List<int>> lines, string? indent)
    {
        TextWriter writer = channel.Writer;
        string gap = new(' ', Gap);
        void WriteRow(string shownName, int nameCells, Func<int, string> cell, Func<int, Style> style)
        {
            writer.Write(shownName);
            int column = nameCells;
            foreach (List<int> line in lines)
            {
                if (indent is not null)
                {
                    writer.WriteLine();
                }
                int pending = indent is null ? _nameWidth - column : 0;
                foreach (int index in line)
                {
                    string text = cell(index);
                    int padding = _widths[index] - CellWidth.Of(text);
                    pending += Gap + (columns[index].IsNumber ? padding : 0);
                    Pad(writer, pending);
                    writer.Write(channel.Paint(style(index), text));
                    pending = columns[index].IsNumber ? 0 : padding;
                }
            }
            writer.WriteLine();
        }

        WriteRow(channel.Paint(Style.Dim, nameTitle), nameTitle.Length, index => columns[index].Title, static _ => Style.Dim);
        string previous = "";
        foreach (T row in rows)
        {
            string full = name(row);
            string shown = channel.Width is null ? full : CellWidth.ShortenMiddle(full, _nameWidth);
            int repeated = ReferenceEquals(shown, full) && channel.HasColors ? RepeatedPrefix(previous, full) : 0;
            string painted = repeated == 0 ? shown : channel.Paint(Style.Dim, full[..repeated]) + full[repeated..];
            WriteRow(painted, CellWidth.Of(shown), index => Cell(columns[index], row, channel.Width), index => columns[index].Style);
            previous = full;
        }
    }

    private void Measure(IReadOnlyList<T> rows, int? terminal)
    {
        _nameWidth = nameTitle.Length;
        for (int index = 0; index < columns.Count; index++)
        {
            _widths[index] = columns[index].Title.Length;
        }
        foreach (T row in rows)
        {
            _nameWidth = Math.Max(_nameWidth, CellWidth.Of(name(row)));
            for (int index = 0; index < columns.Count; index++)
            {
                _widths[index] = Math.Max(_widths[index], CellWidth.Of(Cell(columns[index], row, terminal)));
            }
        }
    }

    private static string Cell(Column<T> column, T row, int? terminal) =>
        terminal is { } width ? CellWidth.ShortenMiddle(column.Text(row), Math.Min(WidestCell, width - Gap)) : column.Text(row);

    // Up to a dot, so that what is left of the name is whole parts.
    private static int RepeatedPrefix(string previous, string name)
    {
        int common = previous.AsSpan().CommonPrefixLength(name);
        return name.AsSpan(0, common).LastIndexOf('.') + 1;
    }

    private static void Pad(TextWriter writer, int count)
    {
        for (int index = 0; index < count; index++)
        {
            writer.Write(' ');
        }
    }
}
