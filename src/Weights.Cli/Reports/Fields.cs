using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary>Labels and their values, one under the other; on a terminal they are wrapped or shortened to its columns.</summary>
internal sealed class Fields(Channel channel)
{
    private const int Indent = 2;
    private const int LabelWidth = 12;

    // Below this the values of a list stand under their label: 14 columns are too many to lose.
    private const int NarrowTerminal = 60;

    // A list longer than a screen hides what comes after it.
    private const int LongestList = 16;

    private readonly bool _isNarrow = channel.Width < NarrowTerminal;

    /// <summary>Columns for each line of a list, or null where nobody counts them.</summary>
    public int? ListWidth => channel.Width - (_isNarrow ? 2 * Indent : Indent + LabelWidth);

    /// <summary>A label and one value, wrapped.</summary>
    public void Write(string label, string value)
    {
        int? available = channel.Width - Indent - LabelWidth;
        bool first = true;
        foreach (string line in available is { } width ? CellWidth.Wrap(value, width) : [value])
        {
            channel.Writer.Write(new string(' ', Indent));
            channel.Writer.Write(channel.Paint(Style.Dim, (first ? label : "").PadRight(LabelWidth)));
            channel.Writer.WriteLine(line);
            first = false;
        }
    }

    /// <summary>A label and lines, each of which fits <see cref="ListWidth"/>; on a terminal not more than a screen of them.</summary>
    public void Write(string label, IReadOnlyCollection<string> lines)
    {
        int shown = channel.IsTerminal && lines.Count > LongestList ? LongestList - 1 : lines.Count;
        List<string> rows = [.. lines.Take(shown)];
        if (shown < lines.Count)
        {
            rows.Add(channel.Paint(Style.Dim, $"… {lines.Count - shown:N0} more; --json has all"));
        }
        string indent = new(' ', Indent);
        string labelCell = channel.Paint(Style.Dim, _isNarrow ? label : label.PadRight(LabelWidth));
        for (int index = 0; index < rows.Count; index++)
        {
            if (_isNarrow)
            {
                channel.Writer.Write(index == 0 ? $"{indent}{labelCell}\n" : "");
                channel.Writer.WriteLine(indent + indent + rows[index]);
            }
            else
            {
                channel.Writer.WriteLine(indent + (index == 0 ? labelCell : new string(' ', LabelWidth)) + rows[index]);
            }
        }
    }
}
