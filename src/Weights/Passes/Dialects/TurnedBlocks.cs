using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>
/// The bytes of a weight [in, out] whose integers are stored the other way round, [out, in], in whole blocks along the inputs that have scales and zero points [out, blocks]:
/// (integer − zero point) · scale, a product of floats that is rounded once, to the type of the scales. Made some rows at a time: of each column a few bytes are needed for them.
/// </summary>
internal sealed class TurnedBlocks
{
    /// <summary>Outputs that a weight may have: some rows of so many are made at once.</summary>
    public const long MostOutputs = 1 << 22;

    private const int TileBytes = 16 << 20;
    private const int LeastRows = 8;
    private const int Columns = 64;
    private const int TurnedRows = 8;

    // Below this, what lies between is read, too.
    private const int NearBytes = 4096;

    private readonly BlockConversion _round;
    private readonly float[] _table; // The numbers of each byte.
    private readonly int _perByte;
    private readonly float[] _levels; // The numbers of all codes, where they are no integers.
    private readonly BitLanes _lanes;

    /// <param name="numbers">How numbers lie in bytes: U8, U4, U2, or F4.</param>
    /// <param name="result">Type of the scales.</param>
    public TurnedBlocks(DType numbers, DType result)
    {
        Result = result;
        _round = Conversion.Between(DType.F32, result);
        _perByte = numbers.BlockLength;
        _levels = numbers == DType.F4 ? CompressedTensors.E2M1 : [];
        _lanes = new BitLanes(8 / _perByte);
        _table = new float[256 * _perByte];
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(static value => (byte)value)];
        Conversion.Between(numbers, DType.F32)(bytes, MemoryMarshal.AsBytes(_table.AsSpan()));
    }

    /// <summary>The type of the weight.</summary>
    public DType Result { get; }

    /// <summary>Inputs and outputs.</summary>
    public required Shape Shape { get; init; }

    /// <summary>Integers of a block.</summary>
    public required int BlockSize { get; init; }

    /// <summary>The integers.</summary>
    public required ByteSource Numbers { get; init; }

    /// <summary>The scales.</summary>
    public required Elements Scales { get; init; }

    /// <summary>The zero points; null where all are <see cref="ZeroPoint"/>.</summary>
    public Elements? ZeroPoints { get; init; }

    /// <summary>What is subtracted where nothing else is.</summary>
    public required float ZeroPoint { get; init; }

    /// <summary>Whether products with zero points are subtracted, each rounded to a float, and not the zero points themselves.</summary>
    public bool SubtractsProducts { get; init; }

    private long Blocks => ScaleGrid.Count(Shape[0], BlockSize);

    private long ColumnBytes => Blocks * BlockSize / _perByte;

    /// <summary>The tensor of these bytes.</summary>
    public Tensor Tensor(string name)
    {
        long rowBytes = checked(Shape[1] * Result.BlockBytes);
        // Eight integers of any size begin and end with bytes.
        long rows = Math.Min(Math.Max(LeastRows, TileBytes / rowBytes / 8 * 8), Shape[0]);
        return new Tensor(name, Result, Shape, new MadeBytes(checked(Shape[0] * rowBytes), checked((int)(rows * rowBytes)), (tile, bytes) => Make(tile * rows, bytes)));
    }

    private void Make(long row, Span<byte> bytes)
    {
        int rows = (int)(bytes.Length / (Shape[1] * Result.BlockBytes));
        (long block, long lastBlock) = (row / BlockSize, (row + rows - 1) / BlockSize);
        Strip strip = new(row, rows, block, (int)(lastBlock - block + 1), (rows + _perByte - 1) / _perByte);
        float[] values = ArrayPool<float>.Shared.Rent(Columns * Pitch(rows));
        float[] parameters = ArrayPool<float>.Shared.Rent(2 * Columns * strip.Blocks);
        byte[] packed = ArrayPool<byte>.Shared.Rent((Columns * strip.Bytes) + BitLanes.Slack);
        try
        {
            for (long column = 0; column < Shape[1]; column += Columns)
            {
                int count = (int)Math.Min(Columns, Shape[1] - column);
                Span<float> scales = parameters.AsSpan(0, count * strip.Blocks);
                Span<float> zeroPoints = parameters.AsSpan(count * strip.Blocks, count * strip.Blocks);
                Read(Numbers, (column * ColumnBytes) + (row / _perByte), ColumnBytes, strip.Bytes, packed.AsSpan(0, count * strip.Bytes));
                Read(Scales, (column * Blocks) + block, strip.Blocks, scales);
                zeroPoints.Fill(ZeroPoint);
                if (ZeroPoints is not null)
                {
                    Read(ZeroPoints, (column * Blocks) + block, strip.Blocks, zeroPoints);
                }
                for (int index = 0; index < count; index++)
                {
                    Range own = (index * strip.Blocks)..((index + 1) * strip.Blocks);
                    Scale(strip, packed.AsSpan(index * strip.Bytes), scales[own], zeroPoints[own], values.AsSpan(index * Pitch(rows), rows));
                }
                Turn(values, rows, count, column, bytes);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
            ArrayPool<float>.Shared.Return(parameters);
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    // As many bytes from each of some columns.
    private static void Read(ByteSource source, long offset, long stride, int length, Span<byte> pieces)
    {
        if (stride - length > NearBytes)
        {
            for (; !pieces.IsEmpty; pieces = pieces[length..], offset += stride)
            {
                source.Read(offset, pieces[..length]);
            }
            return;
        }
        int count = pieces.Length / length;
        int all = (int)(((count - 1) * stride) + length);
        byte[] window = ArrayPool<byte>.Shared.Rent(all);
        source.Read(offset, window.AsSpan(0, all));
        for (int index = 0; index < count; index++)
        {
            window.AsSpan((int)(index * stride), length).CopyTo(pieces[(index * length)..]);
        }
        ArrayPool<byte>.Shared.Return(window);
    }

    private void Read(Elements elements, long first, int length, Span<float> pieces)
    {
        if (Blocks - length > NearBytes / sizeof(float))
        {
            for (; !pieces.IsEmpty; pieces = pieces[length..], first += Blocks)
            {
                elements.Read(first, pieces[..length]);
            }
            return;
        }
        int count = pieces.Length / length;
        int all = (int)(((count - 1) * Blocks) + length);
        float[] window = ArrayPool<float>.Shared.Rent(all);
        elements.Read(first, window.AsSpan(0, all));
        for (int index = 0; index < count; index++)
        {
            window.AsSpan((int)(index * Blocks), length).CopyTo(pieces[(index * length)..]);
        }
        ArrayPool<float>.Shared.Return(window);
    }

    // Whole eights, and not a power of two, so that the columns do not fall upon the same lines of a cache.
    private static int Pitch(int rows) => ((rows + 7) / 8 * 8) + 16;

    private void Scale(Strip strip, ReadOnlySpan<byte> packed, ReadOnlySpan<float> scales, ReadOnlySpan<float> zeroPoints, Span<float> values)
    {
        int done = !BitLanes.IsSupported ? 0 : _levels.Length > 0 ? _lanes.LookUp(packed, _levels, values) : _lanes.Subtract(packed, 0, values);
        for (int index = done; index < values.Length; index += _perByte)
        {
            int count = Math.Min(_perByte, values.Length - index);
            _table.AsSpan(packed[index / _perByte] * _perByte, count).CopyTo(values[index..]);
        }
        int within = (int)(strip.Row % BlockSize);
        for (int block = 0; !values.IsEmpty; block++)
        {
            Span<float> own = values[..Math.Min(BlockSize - within, values.Length)];
            (float scale, float zeroPoint) = (scales[block], zeroPoints[block]);
            if (SubtractsProducts)
            {
                Scaling.ScaleAndSubtract(own, scale, zeroPoint * scale);
            }
            else
            {
                Scaling.Scale(own, zeroPoint, scale);
            }
            values = values[own.Length..];
            within = 0;
        }
    }

    private void Turn(float[] values, int rows, int count, long column, Span<byte> bytes)
    {
        Span<float> lines = stackalloc float[TurnedRows * Columns];
        for (int row = 0; row < rows; row++)
        {
            if (row % TurnedRows == 0)
            {
                // Of columns that are missing at the end, whatever is in their place.
                Transposition.Copy<float>(values.AsSpan(row), Pitch(rows), Columns, TurnedRows, lines, Columns);
            }
            Span<byte> line = MemoryMarshal.AsBytes(lines.Slice(row % TurnedRows * Columns, count));
            Span<byte> target = bytes.Slice((int)(((row * Shape[1]) + column) * Result.BlockBytes), count * Result.BlockBytes);
            _round(line, target);
        }
    }

    /// <summary>Some rows.</summary>
    /// <param name="Row">The first.</param>
    /// <param name="Rows">How many.</param>
    /// <param name="Block">The block that the first is in.</param>
    /// <param name="Blocks">How many blocks they are in.</param>
    /// <param name="Bytes">Bytes of them in each column.</param>
    private readonly record struct Strip(long Row, int Rows, long Block, int Blocks, int Bytes);
}
