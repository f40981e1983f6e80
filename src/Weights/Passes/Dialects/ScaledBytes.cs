using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>
/// The bytes of a weight whose numbers lie row after row and are each the product of a stored one, less a zero point where there are such, and of the scale of
/// its block. Made when they are read: the product of two floats, rounded to <see cref="Tensor.DType"/> once.
/// </summary>
internal sealed class ScaledBytes : UnitBytes
{
    // 64 Ki floats stay in the second-level cache between scaling and rounding.
    private const int BatchElements = 1 << 16;

    // Columns of a grid of which a batch takes those of one row alone: of more, both rows that it meets would be read.
    private const int MostGridColumns = 1 << 17;

    private readonly DType _dtype;
    private readonly BlockConversion? _round;

    /// <param name="dtype">What products are rounded to.</param>
    public ScaledBytes(DType dtype)
        : base(dtype.BlockBytes)
    {
        _dtype = dtype;
        _round = dtype == DType.F32 ? null : Conversion.Between(DType.F32, dtype);
    }

    /// <inheritdoc/>
    public override long Length => checked(Rows * Columns * _dtype.BlockBytes);

    /// <inheritdoc/>
    public override bool ReadsForward => Numbers.ReadsForward;

    /// <summary>Rows, those of all matrices.</summary>
    public required long Rows { get; init; }

    /// <summary>Columns.</summary>
    public required long Columns { get; init; }

    /// <summary>Rows of each matrix.</summary>
    public long RowsPerMatrix { get => field == 0 ? Rows : field; init; }

    /// <summary>What is scaled.</summary>
    public required Elements Numbers { get; init; }

    /// <summary>The scales, row after row of the grid.</summary>
    public required Elements Scales { get; init; }

    /// <summary>What is subtracted first; laid out as the scales are.</summary>
    public Elements? ZeroPoints { get; init; }

    /// <summary>The blocks that have a scale.</summary>
    public required ScaleGrid Grid { get; init; }

    /// <summary>For each column the column of the grid that it belongs to, in place of its own; I32.</summary>
    public Tensor? Order { get; init; }

    /// <summary>What the product is multiplied by; that, too, is a product of floats.</summary>
    public float Factor { get; init; } = 1;

    /// <summary>The tensor of these bytes.</summary>
    public Tensor Tensor(string name, Shape shape) => new(name, _dtype, shape, this);

    /// <summary>How the numbers come about.</summary>
    /// <param name="set">What codes stand for.</param>
    /// <param name="scaleType">The type of the scales, where it is not that of the products.</param>
    /// <returns>Null where it is several matrices, or columns are in an order of their own.</returns>
    public ScaledCodes? Codes(CodeSet set, DType? scaleType = null)
    {
        if (Order is not null || RowsPerMatrix != Rows)
        {
            return null;
        }
        return new ScaledCodes
        {
            Set = set,
            Rows = Rows,
            Columns = Columns,
            BlockRows = Grid.BlockRows,
            BlockColumns = Grid.BlockColumns,
            ScaleType = scaleType ?? _dtype,
            Scales = Factor == 1 ? Scales : new ChangedElements(Scales, scale => scale * Factor),
            ZeroPoints = ZeroPoints,
        };
    }

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        int batch = Math.Min(BatchElements, units.Length / _dtype.BlockBytes);
        int[]? order = Order is null ? null : ColumnOrder.Read(Order, Grid.Columns);
        float[] numbers = _round is null ? [] : ArrayPool<float>.Shared.Rent(batch);
        while (!units.IsEmpty)
        {
            int count = Together(first, Math.Min(batch, units.Length / _dtype.BlockBytes));
            Span<byte> target = units[..(count * _dtype.BlockBytes)];
            Span<float> values = _round is null ? MemoryMarshal.Cast<byte, float>(target) : numbers.AsSpan(0, count);
            Numbers.Read(first, values);
            Scale(first, values, order);
            _round?.Invoke(MemoryMarshal.AsBytes(values), target);
            units = units[target.Length..];
            first += count;
        }
        if (_round is not null)
        {
            ArrayPool<float>.Shared.Return(numbers);
        }
    }

    // How many of so many elements are scaled at once: not those of two rows with many scales.
    private int Together(long first, int count) => Grid.Columns > MostGridColumns ? (int)Math.Min(count, Columns - (first % Columns)) : count;

    private void Scale(long first, Span<float> values, int[]? order)
    {
        (long row, long column) = Math.DivRem(first, Columns);
        long lastRow = (first + values.Length - 1) / Columns;
        // Of a single row, only the scales of its part; of several, all of the rows of the grid that they belong to.
        bool isPart = row == lastRow && order is null;
        long firstScale = (Grid.RowOf(row, RowsPerMatrix) * Grid.Columns) + (isPart ? column / Grid.BlockColumns : 0);
        long lastScale = (Grid.RowOf(lastRow, RowsPerMatrix) * Grid.Columns) + (isPart ? (column + values.Length - 1) / Grid.BlockColumns : Grid.Columns - 1);
        if (Grid.IsShared && row / RowsPerMatrix != lastRow / RowsPerMatrix)
        {
            (firstScale, lastScale) = (0, (Grid.Rows * Grid.Columns) - 1);
        }
        int count = checked((int)(lastScale - firstScale + 1));
        float[] parameters = ArrayPool<float>.Shared.Rent(2 * count);
        try
        {
            Span<float> scales = parameters.AsSpan(0, count);
            Span<float> zeroPoints = parameters.AsSpan(count, count);
            Scales.Read(firstScale, scales);
            zeroPoints.Clear();
            ZeroPoints?.Read(firstScale, zeroPoints);
            while (!values.IsEmpty)
            {
                int length = (int)Math.Min(values.Length, Columns - column);
                int start = (int)((Grid.RowOf(row, RowsPerMatrix) * Grid.Columns) - firstScale);
                if (order is null)
                {
                    ScaleRow(values[..length], column, start, scales, zeroPoints);
                }
                else
                {
                    ScaleColumns(values[..length], order.AsSpan((int)column, length), scales[start..], zeroPoints[start..]);
                }
                values = values[length..];
                (row, column) = (row + 1, 0);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(parameters);
        }
    }

    private void ScaleRow(Span<float> values, long column, int start, ReadOnlySpan<float> scales, ReadOnlySpan<float> zeroPoints)
    {
        if (Grid.BlockColumns == 1)
        {
            // A scale for each column.
            scales = scales.Slice((int)(start + column), values.Length);
            zeroPoints = zeroPoints.Slice((int)(start + column), values.Length);
            Scaling.Scale(values, zeroPoints, scales);
            Multiply(values);
            return;
        }
        (long block, long within) = Math.DivRem(column, Grid.BlockColumns);
        Span<float> rest = values;
        for (int at = (int)(start + block); !rest.IsEmpty; at++)
        {
            int length = (int)Math.Min(rest.Length, Grid.BlockColumns - within);
            Scaling.Scale(rest[..length], zeroPoints[at], scales[at]);
            rest = rest[length..];
            within = 0;
        }
        Multiply(values);
    }

    private void ScaleColumns(Span<float> values, ReadOnlySpan<int> order, ReadOnlySpan<float> scales, ReadOnlySpan<float> zeroPoints)
    {
        for (int index = 0; index < values.Length; index++)
        {
            values[index] = (values[index] - zeroPoints[order[index]]) * scales[order[index]];
        }
        Multiply(values);
    }

    private void Multiply(Span<float> values)
    {
        if (Factor != 1)
        {
            Scaling.Multiply(values, Factor);
        }
    }
}
