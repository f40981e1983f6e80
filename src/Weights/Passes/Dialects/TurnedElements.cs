namespace Weights.Passes.Dialects;

/// <summary>
/// Numbers [groups, rows], read row after row. Some rows are read at a time, as each is spread over all groups, and are kept until others are read or memory is wanted.
/// </summary>
/// <param name="groups">How many groups.</param>
/// <param name="rows">How many rows.</param>
/// <param name="read">Reads those of a group, from a row on.</param>
internal sealed class TurnedElements(long groups, long rows, TurnedElements.Reader read) : Elements
{
    private const int MostNumbers = 1 << 19;
    private const int MostRows = 1 << 12;

    private readonly WeakReference<Band?> _last = new(null);

    /// <summary>Reads numbers of a group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="row">First row.</param>
    /// <param name="values">Receives those of as many rows.</param>
    public delegate void Reader(int group, int row, Span<float> values);

    public override void Read(long first, Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + values.Length, groups * rows);
        while (!values.IsEmpty)
        {
            Band band = BandOf(first / groups);
            ReadOnlySpan<float> known = band.Numbers.AsSpan((int)(first - (band.Row * groups)));
            known = known[..Math.Min(known.Length, values.Length)];
            known.CopyTo(values);
            values = values[known.Length..];
            first += known.Length;
        }
    }

    private Band BandOf(long row)
    {
        int most = (int)Math.Clamp(MostNumbers / groups, 1, Math.Min(rows, MostRows));
        long first = row - (row % most);
        if (_last.TryGetTarget(out Band? last) && last.Row == first)
        {
            return last;
        }
        int count = (int)Math.Min(most, rows - first);
        Band band = new(first, new float[count * groups]);
        float[] line = new float[count];
        for (int group = 0; group < groups; group++)
        {
            read(group, (int)first, line);
            for (int index = 0; index < count; index++)
            {
                band.Numbers[(index * groups) + group] = line[index];
            }
        }
        _last.SetTarget(band);
        return band;
    }

    private sealed record Band(long Row, float[] Numbers);
}
