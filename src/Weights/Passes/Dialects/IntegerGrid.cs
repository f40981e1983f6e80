namespace Weights.Passes.Dialects;

/// <summary>
/// A packed weight as it is, for whoever packs it otherwise: signed integers, row after row, in groups of columns that have a scale and a zero point:
/// (integer − zero point) · scale.
/// </summary>
internal sealed record IntegerGrid
{
    private const int Batch = 1 << 14;

    /// <summary>Bits of an integer: from −2^(bits − 1) up.</summary>
    public required int Bits { get; init; }

    /// <summary>Rows of the weight.</summary>
    public required long Rows { get; init; }

    /// <summary>Its columns.</summary>
    public required long Columns { get; init; }

    /// <summary>Columns that share a scale; they divide all of them.</summary>
    public required int GroupColumns { get; init; }

    /// <summary>The type of the scales.</summary>
    public required DType ScaleType { get; init; }

    /// <summary>The integers.</summary>
    public required Elements Numbers { get; init; }

    /// <summary>A scale for each group, row after row.</summary>
    public required Elements Scales { get; init; }

    /// <summary>A zero point for each group, likewise, as a signed integer; null where all are 0.</summary>
    public Elements? ZeroPoints { get; init; }

    /// <summary>The same, without zero points if all of them are 0: reads them all.</summary>
    public IntegerGrid Simplified()
    {
        if (ZeroPoints is null)
        {
            return this;
        }
        float[] read = new float[Batch];
        long count = Rows * (Columns / GroupColumns);
        for (long first = 0; first < count; first += Batch)
        {
            Span<float> batch = read.AsSpan(0, (int)Math.Min(Batch, count - first));
            ZeroPoints.Read(first, batch);
            if (batch.ContainsAnyExcept(0))
            {
                return this;
            }
        }
        return this with { ZeroPoints = null };
    }
}

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
