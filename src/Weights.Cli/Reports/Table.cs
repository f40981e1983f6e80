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
    private int? _terminalWidth;
    private int _nameWidth;

    /// <summary>Prints the heading and the rows.</summary>
    public void Write(IReadOnlyList<T> rows, Channel channel)
    {
        _terminalWidth = channel.Width;
        Measure(rows);
        int beside = _widths.Sum(static width => width + Gap);
        int forName = _terminalWidth - beside ?? _nameWidth;
        bool isStacked = forName < Math.Min(_nameWidth, NarrowestName);
        IReadOnlyList<IReadOnlyList<int>> lines = isStacked ? Stacked(_terminalWidth ?? 0) : [[.. Enumerable.Range(0, columns.Count)]];
        _nameWidth = isStacked ? _terminalWidth ?? 0 : Math.Min(_nameWidth, forName);

        WriteName(channel.Paint(Style.Dim, nameTitle), nameTitle.Length, isStacked, channel.Writer);
        WriteCells(lines, isStacked, index => columns[index].Title, static _ => Style.Dim, channel);
        string previous = "";
        foreach (T row in rows)
        {
            string full = name(row);
            string shown = _terminalWidth is null ? full : CellWidth.ShortenMiddle(full, _nameWidth);
            int repeated = ReferenceEquals(shown, full) && channel.HasColors ? RepeatedPrefix(previous, full) : 0;
            string painted = repeated == 0 ? shown : channel.Paint(Style.Dim, full[..repeated]) + full[repeated..];
            WriteName(painted, CellWidth.Of(shown), isStacked, channel.Writer);
            WriteCells(lines, isStacked, index => Cell(columns[index], row), index => columns[index].Style, channel);
            previous = full;
        }
    }

    // The columns of each line below a name. The first column of a line stands there whatever its width.
    private List<List<int>> Stacked(int width)
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
        return lines;
    }

    private void WriteName(string text, int cells, bool isStacked, TextWriter writer)
    {
        writer.Write(text);
        if (!isStacked)
        {
            Pad(writer, _nameWidth - cells);
        }
    }

    private void WriteCells(IReadOnlyList<IReadOnlyList<int>> lines, bool isStacked, Func<int, string> cell, Func<int, Style> style, Channel channel)
    {
        TextWriter writer = channel.Writer;
        foreach (IReadOnlyList<int> line in lines)
        {
            writer.Write(isStacked ? "\n" : "");
            int owed = 0; // Blanks of a cell that is flush left; none are written after the last.
            foreach (int index in line)
            {
                string text = cell(index);
                if (text.Length == 0)
                {
                    owed += Gap + _widths[index];
                    continue;
                }
                int padding = _widths[index] - CellWidth.Of(text);
                Pad(writer, owed + Gap + (columns[index].IsNumber ? padding : 0));
                writer.Write(channel.Paint(style(index), text));
                owed = columns[index].IsNumber ? 0 : padding;
            }
        }
        writer.WriteLine();
    }

    private void Measure(IReadOnlyList<T> rows)
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
                _widths[index] = Math.Max(_widths[index], CellWidth.Of(Cell(columns[index], row)));
            }
        }
    }

    private string Cell(Column<T> column, T row) =>
        _terminalWidth is { } width ? CellWidth.ShortenMiddle(column.Text(row), Math.Min(WidestCell, width - Gap)) : column.Text(row);

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
