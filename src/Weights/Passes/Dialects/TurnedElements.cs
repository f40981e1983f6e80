namespace Weights.Passes.Dialects;

/// <summary>Numbers [groups, rows], read row after row.</summary>
/// <param name="groups">How many groups.</param>
/// <param name="read">Reads those of a group, from a row on.</param>
internal sealed class TurnedElements(int groups, TurnedElements.Reader read) : Elements
{
    private const int MostNumbers = 1 << 14;

    /// <summary>Reads numbers of a group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="row">First row.</param>
    /// <param name="values">Receives those of as many rows.</param>
    public delegate void Reader(int group, int row, Span<float> values);

    public override void Read(long first, Span<float> values)
    {
        int most = Math.Max(1, MostNumbers / groups);
        float[] line = new float[most];
        while (!values.IsEmpty)
        {
            (long row, long group) = Math.DivRem(first, groups);
            // The rest of a row, or whole rows.
            bool isPart = group != 0 || values.Length < groups;
            int width = isPart ? (int)Math.Min(values.Length, groups - group) : groups;
            int rows = isPart ? 1 : Math.Min(most, values.Length / groups);
            for (int column = 0; column < width; column++)
            {
                read((int)group + column, (int)row, line.AsSpan(0, rows));
                for (int index = 0; index < rows; index++)
                {
                    values[(index * width) + column] = line[index];
                }
            }
            values = values[(rows * width)..];
            first += rows * width;
        }
    }
}
