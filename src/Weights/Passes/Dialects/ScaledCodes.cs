using System.Buffers;

namespace Weights.Passes.Dialects;

/// <summary>The numbers that stand beside scales.</summary>
internal enum CodeSet
{
    /// <summary>Signed integers.</summary>
    Integers,

    /// <summary>8-bit floats F8_E4M3.</summary>
    E4M3,

    /// <summary>Sixteen levels of a table.</summary>
    Levels,
}

/// <summary>
/// How the numbers of a weight come about that was packed, for whoever packs it otherwise: as a matrix, in blocks of rows and columns that have a scale and, if codes are integers, a zero point:
/// (code − zero point) · scale. As scales are known, so are codes: they are that far from zero.
/// </summary>
internal sealed record ScaledCodes
{
    private const int Batch = 1 << 14;

    /// <summary>What codes stand for.</summary>
    public required CodeSet Set { get; init; }

    /// <summary>Bits of integers, which go from −2^(bits − 1) up.</summary>
    public int Bits { get; init; }

    /// <summary>The levels, where it is these.</summary>
    public float[] Levels { get; init; } = [];

    /// <summary>Rows of the matrix.</summary>
    public required long Rows { get; init; }

    /// <summary>Its columns.</summary>
    public required long Columns { get; init; }

    /// <summary>Rows that share a scale; the last may be fewer.</summary>
    public long BlockRows { get; init; } = 1;

    /// <summary>Columns that share a scale; the last may be fewer.</summary>
    public required long BlockColumns { get; init; }

    /// <summary>The type of the scales.</summary>
    public required DType ScaleType { get; init; }

    /// <summary>A scale for each block, a row of blocks after the other.</summary>
    public required Elements Scales { get; init; }

    /// <summary>A zero point for each block, likewise, as a signed integer; null where all are 0.</summary>
    public Elements? ZeroPoints { get; init; }

    /// <summary>By what scales are divided.</summary>
    public float Divisor { get; init; } = 1;

    /// <summary>The weight with rows as columns, if that is how it is stored, and how its numbers come about.</summary>
    public (Tensor Weight, ScaledCodes Codes)? Stored { get; init; }

    /// <summary>Blocks above each other.</summary>
    public long GridRows => ScaleGrid.Count(Rows, BlockRows);

    /// <summary>Blocks beside each other.</summary>
    public long GridColumns => ScaleGrid.Count(Columns, BlockColumns);

    /// <summary>Whether all numbers of any block of so many rows and columns, the first at the start, have one scale.</summary>
    public bool HasOneScaleFor(long rows, long columns) => (BlockRows >= Rows || BlockRows % rows == 0) && (BlockColumns >= Columns || BlockColumns % columns == 0);

    /// <summary>Rows as columns.</summary>
    public ScaledCodes Turned() => Stored?.Codes ?? this with { Rows = Columns, Columns = Rows, BlockRows = BlockColumns, BlockColumns = BlockRows, Scales = Turned(Scales), ZeroPoints = ZeroPoints is null ? null : Turned(ZeroPoints) };

    /// <summary>The same, without zero points if all of them are 0: reads them all.</summary>
    /// <param name="bits">Bits that zero points may have.</param>
    /// <returns>Null where one has more.</returns>
    public ScaledCodes? Simplified(int bits)
    {
        if (ZeroPoints is null)
        {
            return this;
        }
        (float least, float greatest) = (0, 0);
        float[] read = new float[Batch];
        long count = GridRows * GridColumns;
        for (long first = 0; first < count; first += Batch)
        {
            Span<float> batch = read.AsSpan(0, (int)Math.Min(Batch, count - first));
            ZeroPoints.Read(first, batch);
            foreach (float zeroPoint in batch)
            {
                (least, greatest) = (Math.Min(least, zeroPoint), Math.Max(greatest, zeroPoint));
            }
        }
        int half = 1 << (bits - 1);
        return (least, greatest) == (0, 0) ? this with { ZeroPoints = null, Stored = Stored is { } stored ? (stored.Weight, stored.Codes with { ZeroPoints = null }) : null } : least >= -half && greatest < half ? this : null;
    }

    /// <summary>The scales and zero points of numbers at equal distances.</summary>
    /// <param name="first">Index of the first number, row after row.</param>
    /// <param name="step">From one to the next.</param>
    /// <param name="scales">Receives the scale of each, as it is stored.</param>
    /// <param name="zeroPoints">Receives as many zero points; empty where they are not wanted.</param>
    public void Read(long first, long step, Span<float> scales, Span<sbyte> zeroPoints)
    {
        if (scales.IsEmpty)
        {
            return;
        }
        (long row, long column) = Math.DivRem(first, Columns);
        (long lastRow, long lastColumn) = Math.DivRem(first + ((scales.Length - 1) * step), Columns);
        (long gridRow, long lastGridRow) = (row / BlockRows, lastRow / BlockRows);
        // Of one row, only its part; of several, all of the blocks beside them.
        bool isPart = row == lastRow;
        long start = (gridRow * GridColumns) + (isPart ? column / BlockColumns : 0);
        long end = (lastGridRow * GridColumns) + (isPart ? lastColumn / BlockColumns : GridColumns - 1) + 1;
        int count = checked((int)(end - start));
        float[] read = ArrayPool<float>.Shared.Rent(count);
        try
        {
            Scales.Read(start, read.AsSpan(0, count));
            for (int index = 0; index < scales.Length; index++)
            {
                scales[index] = read[(int)(BlockOf(first + (index * step)) - start)];
            }
            if (zeroPoints.IsEmpty)
            {
                return;
            }
            if (ZeroPoints is null)
            {
                zeroPoints.Clear();
                return;
            }
            ZeroPoints.Read(start, read.AsSpan(0, count));
            for (int index = 0; index < zeroPoints.Length; index++)
            {
                zeroPoints[index] = (sbyte)read[(int)(BlockOf(first + (index * step)) - start)];
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(read);
        }
    }

    private long BlockOf(long number)
    {
        (long row, long column) = Math.DivRem(number, Columns);
        return (row / BlockRows * GridColumns) + (column / BlockColumns);
    }

    private TurnedElements Turned(Elements elements)
    {
        long columns = GridColumns;
        return new TurnedElements(GridRows, columns, (group, row, values) => elements.Read((group * columns) + row, values));
    }
}
