using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;
using Weights.Passes.Dialects;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>
/// The numbers of a weight as codes where those that share a scale lie below each other: a matrix of rows and columns in which each column, or several next to each other, has a scale,
/// for all rows or for some. A tile of rows is taken at a time, and of that a strip of columns, which is turned, encoded, measured and turned back.
/// </summary>
internal sealed class ColumnBlocks
{
    private const int StripElements = 1 << 16;
    private const int TileElements = 1 << 18;
    private const int MostTileRows = 256;

    private readonly Elements _numbers;
    private readonly BlockCoder _coder;
    private readonly Rounded _rounded;
    private readonly QuantizationErrors _errors;
    private readonly ScaledCodes? _known;
    private readonly long _rows;
    private readonly int _columns;
    private readonly int _width;
    private readonly int _tileRows;
    private readonly Lazy<(float[] Scales, sbyte[] ZeroPoints)>? _channels; // Null where each tile has scales of its own.

    private ColumnBlocks(PackingSource weight, BlockRecipe recipe, long rows, int columns, int width, int tileRows, Func<(float[], sbyte[])>? channels)
    {
        (_numbers, _coder, _rounded, _errors) = (Elements.Of(weight.Tensor), recipe.Coder(default), new Rounded(recipe.Result), weight.Errors);
        _known = weight.Codes;
        (_rows, _columns, _width, _tileRows) = (rows, columns, width, tileRows);
        _channels = channels is null ? null : new(channels);
    }

    /// <summary>A scale for each step along an axis that is not the first.</summary>
    public static ColumnBlocks Channels(PackingSource weight, int axis, BlockRecipe recipe)
    {
        Shape shape = weight.Shape;
        long inner = 1;
        foreach (long size in shape.Dimensions[(axis + 1)..])
        {
            inner *= size;
        }
        int channels = (int)shape[axis];
        int columns = (int)(channels * inner);
        long rows = shape.ElementCount / columns;
        return new ColumnBlocks(weight, recipe, rows, columns, (int)inner, (int)Math.Min(rows, Math.Clamp(TileElements / columns, 8, MostTileRows)), () =>
        {
            (float[] scales, sbyte[] zeroPoints) = (new float[channels], new sbyte[channels]);
            if (weight.Codes is { } known)
            {
                known.Read(0, inner, scales, zeroPoints);
                return (scales, zeroPoints);
            }
            // Channel after channel, which reads the whole weight once.
            long[] turned = [channels, rows, inner];
            ByteSource bytes = StridedBytes.Create(weight.Tensor.Bytes, weight.Tensor.DType.BlockBytes, 0, turned, [inner, columns, 1]);
            CodedBlocks blocks = new PackingSource(new Tensor(weight.Name, weight.Tensor.DType, new Shape(turned), bytes), null, weight.Errors).Blocks((int)(rows * inner), recipe);
            blocks.Read(0, [], scales, zeroPoints);
            return (scales, zeroPoints);
        });
    }

    /// <summary>A scale for some rows of each column of a matrix.</summary>
    public static ColumnBlocks Groups(PackingSource weight, int rows, BlockRecipe recipe) => new(weight, recipe, weight.Shape[0], (int)weight.Shape[1], 1, rows, null);

    private int Scales => _columns / _width;

    // Before a tile is read.
    private bool HasScales => _channels is not null || _known is not null;

    private long ScaleRows => _channels is null ? (_rows + _tileRows - 1) / _tileRows : 1;

    /// <summary>A byte for each number.</summary>
    public ByteSource Codes() => new MadeBytes(checked(_rows * _columns), _tileRows * _columns, (tile, bytes) => MakeTile(tile, bytes, [], []));

    /// <summary>The scales, a row for each block of rows.</summary>
    public ByteSource ScaleBytes(DType dtype)
    {
        BlockConversion? store = dtype == DType.F32 ? null : Conversion.Between(DType.F32, dtype);
        return new MadeBytes(checked(ScaleRows * Scales * dtype.BlockBytes), Scales * dtype.BlockBytes, (row, bytes) =>
        {
            float[] scales = new float[Scales];
            Fit(row, scales, new sbyte[Scales]);
            if (store is null)
            {
                MemoryMarshal.AsBytes(scales.AsSpan()).CopyTo(bytes);
            }
            else
            {
                store(MemoryMarshal.AsBytes(scales.AsSpan()), bytes);
            }
        });
    }

    /// <summary>The zero points, likewise, a byte for each.</summary>
    public ByteSource ZeroPoints() => new MadeBytes(checked(ScaleRows * Scales), Scales, (row, bytes) => Fit(row, new float[Scales], MemoryMarshal.Cast<byte, sbyte>(bytes)));

    private void Fit(long row, Span<float> scales, Span<sbyte> zeroPoints)
    {
        if (_channels is not null)
        {
            _channels.Value.Scales.CopyTo(scales);
            _channels.Value.ZeroPoints.CopyTo(zeroPoints);
        }
        else if (_known is not null)
        {
            _known.Read(row * _tileRows * _columns, 1, scales, zeroPoints);
        }
        else
        {
            MakeTile(row, [], scales, zeroPoints);
        }
    }

    private void MakeTile(long tile, Span<byte> codes, Span<float> scales, Span<sbyte> zeroPoints)
    {
        long row = tile * _tileRows;
        int rows = (int)Math.Min(_tileRows, _rows - row);
        int most = Math.Min(_columns, Math.Max(16, StripElements / rows));
        Strip strip = new(rows, most);
        if (HasScales)
        {
            scales = new float[Scales];
            zeroPoints = new sbyte[Scales];
            Fit(tile, scales, zeroPoints);
        }
        DifferenceSums sums = new();
        long saturated = 0;
        try
        {
            for (int column = 0; column < _columns; column += most)
            {
                int columns = Math.Min(most, _columns - column);
                for (int index = 0; index < rows; index++)
                {
                    _numbers.Read(((row + index) * _columns) + column, strip.Row(index, columns));
                }
                strip.Turn(columns);
                for (int index = 0; index < columns; index++)
                {
                    (float scale, int zeroPoint) = HasScales ? (scales[(column + index) / _width], zeroPoints[(column + index) / _width]) : _coder.Fit(strip.Column(index));
                    if (codes.IsEmpty)
                    {
                        (scales[column + index], zeroPoints[column + index]) = (scale, (sbyte)zeroPoint);
                        continue;
                    }
                    saturated += _coder.Encode(strip.Column(index), scale, zeroPoint, strip.Codes(index));
                    _coder.Decode(strip.Codes(index), scale, zeroPoint, strip.Decoded(index));
                }
                if (!codes.IsEmpty)
                {
                    _rounded.Round(strip.AllDecoded(columns));
                    Finish(strip, row, rows, column, columns, codes, sums);
                }
            }
        }
        finally
        {
            strip.Return();
        }
        if (!codes.IsEmpty)
        {
            _errors.Saw(row * _columns, (long)rows * _columns, sums, saturated);
        }
    }

    private void Finish(Strip strip, long row, int rows, int column, int columns, Span<byte> codes, DifferenceSums sums)
    {
        float[] line = ArrayPool<float>.Shared.Rent(columns);
        Span<float> again = line.AsSpan(0, columns);
        for (int index = 0; index < rows; index++)
        {
            strip.CopyRow(index, codes.Slice((index * _columns) + column, columns), again);
            sums.Add(strip.Row(index, columns), again, ((row + index) * _columns) + column, Tolerance.None);
        }
        ArrayPool<float>.Shared.Return(line);
    }

    /// <summary>Some rows and columns, as they lie, and turned.</summary>
    private readonly struct Strip(int rows, int columns)
    {
        private readonly float[] _lying = ArrayPool<float>.Shared.Rent(rows * columns);
        private readonly float[] _turned = ArrayPool<float>.Shared.Rent(rows * columns);
        private readonly float[] _decoded = ArrayPool<float>.Shared.Rent(rows * columns);
        private readonly byte[] _codes = ArrayPool<byte>.Shared.Rent(rows * columns);

        public Span<float> Row(int row, int count) => _lying.AsSpan(row * count, count);

        public Span<float> Column(int column) => _turned.AsSpan(column * rows, rows);

        public Span<byte> Codes(int column) => _codes.AsSpan(column * rows, rows);

        public Span<float> Decoded(int column) => _decoded.AsSpan(column * rows, rows);

        public Span<float> AllDecoded(int count) => _decoded.AsSpan(0, count * rows);

        public void Turn(int count)
        {
            for (int row = 0; row < rows; row++)
            {
                ReadOnlySpan<float> line = Row(row, count);
                for (int column = 0; column < count; column++)
                {
                    _turned[(column * rows) + row] = line[column];
                }
            }
        }

        public void CopyRow(int row, Span<byte> codes, Span<float> decoded)
        {
            for (int column = 0; column < codes.Length; column++)
            {
                codes[column] = _codes[(column * rows) + row];
                decoded[column] = _decoded[(column * rows) + row];
            }
        }

        public void Return()
        {
            ArrayPool<float>.Shared.Return(_lying);
            ArrayPool<float>.Shared.Return(_turned);
            ArrayPool<float>.Shared.Return(_decoded);
            ArrayPool<byte>.Shared.Return(_codes);
        }
    }
}
