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
    private readonly KeptScales? _kept;
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
        (_known, _kept) = (weight.Codes, weight.Kept);
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
        int columns = (int)(shape[axis] * inner);
        long rows = shape.ElementCount / columns;
        return new ColumnBlocks(weight, recipe, rows, columns, (int)inner, (int)Math.Min(rows, Math.Clamp(TileElements / columns, 8, MostTileRows)), () => FitChannels(weight, rows, columns, (int)inner, recipe));
    }

    /// <summary>A scale for some rows of each column of a matrix.</summary>
    public static ColumnBlocks Groups(PackingSource weight, int rows, BlockRecipe recipe) => new(weight, recipe, weight.Shape[0], (int)weight.Shape[1], 1, (int)Math.Min(rows, weight.Shape[0]), null);

    private int Scales => _columns / _width;

    // Before a tile is read.
    private bool HasScales => _channels is not null || _known is not null;

    private long ScaleRows => _channels is null ? (_rows + _tileRows - 1) / _tileRows : 1;

    /// <summary>A byte for each number.</summary>
    public ByteSource Codes() => new MadeBytes(checked(_rows * _columns), _tileRows * _columns, (tile, bytes) => MakeTile(tile, bytes, [], []));

    /// <summary>The scales, a row for each block of rows.</summary>
    public ByteSource ScaleBytes(DType dtype)
    {
        BlockConversion store = Conversion.Between(DType.F32, dtype);
        return new MadeBytes(checked(ScaleRows * Scales * dtype.BlockBytes), Scales * dtype.BlockBytes, (row, bytes) =>
        {
            float[] scales = new float[Scales];
            Fit(row, scales, new sbyte[Scales]);
            store(MemoryMarshal.AsBytes(scales.AsSpan()), bytes);
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
        else if (_kept is null || !_kept.TryRead(row * Scales, scales, zeroPoints))
        {
            MakeTile(row, [], scales, zeroPoints);
        }
    }

    private void MakeTile(long tile, Span<byte> codes, Span<float> scales, Span<sbyte> zeroPoints)
    {
        long row = tile * _tileRows;
        int rows = (int)Math.Min(_tileRows, _rows - row);
        int most = Math.Min(_columns, Math.Max(16, StripElements / rows));
        if (!codes.IsEmpty)
        {
            scales = new float[Scales];
            zeroPoints = new sbyte[Scales];
        }
        if (HasScales)
        {
            Fit(tile, scales, zeroPoints);
        }
        ColumnRanges? ranges = !HasScales && _coder.FitsRanges ? new(most) : null;
        DifferenceSums sums = new();
        long saturated = 0;
        using ColumnStrip strip = new(rows, most, _columns);
        for (int column = 0; column < _columns; column += most)
        {
            strip.Read(_numbers, (row * _columns) + column, Math.Min(most, _columns - column));
            if (!HasScales)
            {
                FitStrip(strip, ranges, scales[column..], zeroPoints[column..]);
            }
            if (!codes.IsEmpty)
            {
                saturated += Encode(strip, column, scales, zeroPoints, codes);
                strip.Compare(sums);
            }
        }
        if (!codes.IsEmpty)
        {
            _errors.Saw(row * _columns, (long)rows * _columns, sums, saturated);
            if (!HasScales)
            {
                _kept?.Keep(ScaleRows * Scales, tile * Scales, scales, zeroPoints);
            }
        }
    }

    // Of each column.
    private void FitStrip(ColumnStrip strip, ColumnRanges? ranges, Span<float> scales, Span<sbyte> zeroPoints)
    {
        if (ranges is not null)
        {
            strip.FindRanges(ranges);
        }
        for (int start = 0; start < strip.Columns; start += ColumnStrip.MostTurned)
        {
            int count = Math.Min(ColumnStrip.MostTurned, strip.Columns - start);
            if (ranges is null)
            {
                strip.Turn(start, count);
            }
            for (int index = 0; index < count; index++)
            {
                (scales[start + index], int zeroPoint) = ranges is null ? _coder.Fit(strip.Column(index)) : _coder.Fit(ranges.Of(start + index, 1));
                zeroPoints[start + index] = (sbyte)zeroPoint;
            }
        }
    }

    private long Encode(ColumnStrip strip, int column, ReadOnlySpan<float> scales, ReadOnlySpan<sbyte> zeroPoints, Span<byte> codes)
    {
        long saturated = 0;
        for (int start = 0; start < strip.Columns; start += ColumnStrip.MostTurned)
        {
            int count = Math.Min(ColumnStrip.MostTurned, strip.Columns - start);
            strip.Turn(start, count);
            for (int index = 0; index < count; index++)
            {
                int block = (column + start + index) / _width;
                saturated += _coder.Encode(strip.Column(index), scales[block], zeroPoints[block], strip.Codes(index));
                _coder.Decode(strip.Codes(index), scales[block], zeroPoints[block], strip.Decoded(index));
            }
            strip.TurnBack(_rounded, codes[column..]);
        }
        return saturated;
    }

    // Reads the whole weight once: in order where ranges are enough, else channel after channel.
    private static (float[] Scales, sbyte[] ZeroPoints) FitChannels(PackingSource weight, long rows, int columns, int width, BlockRecipe recipe)
    {
        int channels = columns / width;
        (float[] scales, sbyte[] zeroPoints) = (new float[channels], new sbyte[channels]);
        BlockCoder coder = recipe.Coder(default);
        if (weight.Codes is { } known)
        {
            known.Read(0, width, scales, zeroPoints);
        }
        else if (coder.FitsRanges)
        {
            ColumnRanges ranges = RangesOf(Elements.Of(weight.Tensor), rows, columns);
            for (int channel = 0; channel < channels; channel++)
            {
                (scales[channel], int zeroPoint) = coder.Fit(ranges.Of(channel * width, width));
                zeroPoints[channel] = (sbyte)zeroPoint;
            }
        }
        else
        {
            long[] turned = [channels, rows, width];
            ByteSource bytes = StridedBytes.Create(weight.Tensor.Bytes, weight.Tensor.DType.BlockBytes, 0, turned, [width, columns, 1]);
            new PackingSource(new Tensor(weight.Name, weight.Tensor.DType, new Shape(turned), bytes), null, weight.Errors).Blocks((int)(rows * width), recipe).Read(0, [], scales, zeroPoints);
        }
        return (scales, zeroPoints);
    }

    private static ColumnRanges RangesOf(Elements numbers, long rows, int columns)
    {
        ColumnRanges ranges = new(columns);
        float[] buffer = ArrayPool<float>.Shared.Rent(StripElements);
        long elements = rows * columns;
        for (long first = 0; first < elements; first += StripElements)
        {
            Span<float> batch = buffer.AsSpan(0, (int)Math.Min(StripElements, elements - first));
            numbers.Read(first, batch);
            for (int column = (int)(first % columns); !batch.IsEmpty; column = 0)
            {
                int count = Math.Min(columns - column, batch.Length);
                ranges.See(batch[..count], column);
                batch = batch[count..];
            }
        }
        ArrayPool<float>.Shared.Return(buffer);
        return ranges;
    }
}
