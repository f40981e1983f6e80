using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>
/// The bytes of a weight [out, in] whose integers are stored the other way round, [in, out], with scales and zero points [groups, out]:
/// <c>(integer − zero point) · scale</c>, the integers' difference being exact and the product rounded once, to the type of the scales. Made when they are read,
/// some rows at a time: a row of the weight is a column of what is stored, so many of them are read at once.
/// </summary>
internal abstract class ColumnBytes : UnitBytes
{
    // 128 columns are 16 words of 4-bit numbers, or 12 of 3-bit ones, which begin with a word just at every 32nd column.
    private const int TileColumns = 128;
    private const int MostRows = 2048;
    private const int TurnedRows = 8;

    // Scales and zero points of the rows at hand: 2 MiB.
    private const int MostScales = 1 << 18;

    private static readonly BlockConversion s_widen = Conversion.Between(DType.U8, DType.F32);

    private readonly DType _dtype;
    private readonly BlockConversion _round;

    /// <param name="scales">F16, BF16 or F32, [groups, out].</param>
    protected ColumnBytes(Tensor scales)
        : base(scales.DType.BlockBytes)
    {
        (_dtype, Scales) = (scales.DType, scales);
        _round = Conversion.Between(DType.F32, _dtype);
    }

    /// <inheritdoc/>
    public override long Length => checked((long)Rows * Columns * _dtype.BlockBytes);

    /// <summary>Columns of the weight: what goes in.</summary>
    public required int Columns { get; init; }

    /// <summary>Columns of a group, where it is columns next to each other.</summary>
    public long GroupSize { get; init; }

    /// <summary>The group of each column, I32, where columns are in another order.</summary>
    public Tensor? Order { get; init; }

    /// <summary>Rows of the weight: what comes out.</summary>
    public int Rows => (int)Scales.Shape[1];

    /// <summary>The scales.</summary>
    protected Tensor Scales { get; }

    private int Groups => (int)Scales.Shape[0];

    /// <summary>The tensor of these bytes.</summary>
    public Tensor Tensor(string name) => new(name, _dtype, new Shape(Rows, Columns), BandedBytes.Create(this));

    /// <summary>How the numbers come about.</summary>
    /// <param name="bits">Bits of an integer.</param>
    /// <returns>Null where groups are not columns next to each other.</returns>
    public ScaledCodes? Codes(int bits)
    {
        if (Order is not null)
        {
            return null;
        }
        TensorElements scales = new(Scales);
        int half = 1 << (bits - 1);
        return new ScaledCodes
        {
            Set = CodeSet.Integers,
            Bits = bits,
            Rows = Rows,
            Columns = Columns,
            BlockColumns = GroupSize,
            ScaleType = Scales.DType,
            Scales = new TurnedElements(Groups, Rows, (group, row, values) => scales.Read(((long)group * Rows) + row, values)),
            ZeroPoints = new ChangedElements(new TurnedElements(Groups, Rows, ReadZeroPoints), zeroPoint => zeroPoint - half),
        };
    }

    /// <summary>The integers of some columns, a row of <paramref name="pitch"/> bytes for each.</summary>
    /// <param name="column">First column, a multiple of 32.</param>
    /// <param name="columns">How many.</param>
    /// <param name="row">First row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="integers">Receives them.</param>
    /// <param name="pitch">From the integers of one column to those of the next.</param>
    protected abstract void ReadIntegers(int column, int columns, int row, int rows, Span<byte> integers, int pitch);

    /// <summary>The zero points of some rows in one group.</summary>
    protected abstract void ReadZeroPoints(int group, int row, Span<float> zeroPoints);

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        int[]? order = Order is null ? null : ColumnOrder.Read(Order, Groups);
        int step = Math.Clamp(MostScales / Groups, 8, MostRows);
        long end = first + (units.Length / _dtype.BlockBytes);
        TensorElements scales = new(Scales);
        byte[] integers = ArrayPool<byte>.Shared.Rent(TileColumns * Pitch(step));
        float[] parameters = ArrayPool<float>.Shared.Rent(2 * step * Groups);
        try
        {
            while (first < end)
            {
                int row = (int)(first / Columns);
                int rows = (int)Math.Min(step, ((end - 1) / Columns) + 1 - row);
                long until = Math.Min(end, (long)(row + rows) * Columns);
                Rectangle part = new(row, rows, first, until, parameters.AsMemory(0, rows * Groups), parameters.AsMemory(step * Groups, rows * Groups), order);
                ReadParameters(scales, part);
                int size = (int)((until - first) * _dtype.BlockBytes);
                Fill(part, integers, units[..size]);
                units = units[size..];
                first = until;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(integers);
            ArrayPool<float>.Shared.Return(parameters);
        }
    }

    // Group after group, as they are stored, to row after row, as they are needed.
    private void ReadParameters(TensorElements stored, Rectangle part)
    {
        Span<float> scales = part.Scales.Span;
        Span<float> zeroPoints = part.ZeroPoints.Span;
        float[] lines = ArrayPool<float>.Shared.Rent(2 * part.Rows);
        Span<float> line = lines.AsSpan(0, part.Rows);
        Span<float> zeroPointLine = lines.AsSpan(part.Rows, part.Rows);
        for (int group = 0; group < Groups; group++)
        {
            stored.Read(((long)group * Rows) + part.Row, line);
            ReadZeroPoints(group, part.Row, zeroPointLine);
            for (int row = 0, at = group; row < line.Length; row++, at += Groups)
            {
                scales[at] = line[row];
                zeroPoints[at] = zeroPointLine[row];
            }
        }
        ArrayPool<float>.Shared.Return(lines);
    }

    // Not a power of two, so that the columns of a tile do not fall upon the same lines of a cache.
    private static int Pitch(int rows) => rows + 64;

    private void Fill(Rectangle part, byte[] integers, Span<byte> units)
    {
        // Of one row, only the columns that are asked for; of several, all.
        (int from, int to) = part.Rows > 1 ? (0, Columns) : ((int)(part.First - ((long)part.Row * Columns)), (int)(part.End - ((long)part.Row * Columns)));
        Span<float> values = stackalloc float[TileColumns];
        Span<byte> lines = stackalloc byte[TurnedRows * TileColumns];
        int pitch = Pitch(part.Rows);
        for (int column = from & ~31; column < to; column += TileColumns)
        {
            int columns = Math.Min(TileColumns, Columns - column);
            ReadIntegers(column, columns, part.Row, part.Rows, integers, pitch);
            for (int row = 0; row < part.Rows; row++)
            {
                if (row % TurnedRows == 0)
                {
                    // Of columns and rows that are missing at the end, whatever is in their place.
                    Transposition.Copy<byte>(integers.AsSpan(row), pitch, TileColumns, TurnedRows, lines, TileColumns);
                }
                long start = (long)(part.Row + row) * Columns;
                int low = (int)Math.Max(column, part.First - start);
                int high = (int)Math.Min(column + columns, part.End - start);
                if (low < high)
                {
                    Span<float> taken = values[..(high - low)];
                    s_widen(lines.Slice((row % TurnedRows * TileColumns) + low - column, taken.Length), MemoryMarshal.AsBytes(taken));
                    Scale(part, row, low, taken);
                    _round(MemoryMarshal.AsBytes(taken), units.Slice((int)((start + low - part.First) * _dtype.BlockBytes), taken.Length * _dtype.BlockBytes));
                }
            }
        }
    }

    private void Scale(Rectangle part, int row, int column, Span<float> values)
    {
        ReadOnlySpan<float> scales = part.Scales.Span.Slice(row * Groups, Groups);
        ReadOnlySpan<float> zeroPoints = part.ZeroPoints.Span.Slice(row * Groups, Groups);
        if (part.Order is not null)
        {
            ReadOnlySpan<int> order = part.Order.AsSpan(column, values.Length);
            for (int index = 0; index < values.Length; index++)
            {
                values[index] = (values[index] - zeroPoints[order[index]]) * scales[order[index]];
            }
            return;
        }
        (long first, long within) = Math.DivRem(column, GroupSize);
        for (int group = (int)first; !values.IsEmpty; group++)
        {
            int length = (int)Math.Min(values.Length, GroupSize - within);
            Scaling.Scale(values[..length], zeroPoints[group], scales[group]);
            values = values[length..];
            within = 0;
        }
    }

    /// <summary>Whole or partial rows at hand.</summary>
    /// <param name="Row">The first row.</param>
    /// <param name="Rows">How many.</param>
    /// <param name="First">Index of the first element wanted.</param>
    /// <param name="End">Index after the last.</param>
    /// <param name="Scales">Scales of the groups, row after row.</param>
    /// <param name="ZeroPoints">Zero points, likewise.</param>
    /// <param name="Order">Group of each column, or null.</param>
    private readonly record struct Rectangle(int Row, int Rows, long First, long End, Memory<float> Scales, Memory<float> ZeroPoints, int[]? Order);
}
