using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes;

namespace Weights.Passes.Dialects;

/// <summary>Numbers in a fixed order, whatever they are stored as, read as floats that hold them exactly. From any thread.</summary>
internal abstract class Elements
{
    /// <summary>The numbers from index <paramref name="first"/> on.</summary>
    public abstract void Read(long first, Span<float> values);

    /// <summary>As <see cref="ByteSource.ReadsForward"/>.</summary>
    public virtual bool ReadsForward => false;

    /// <summary>The elements of a tensor, of any type whose numbers are floats.</summary>
    public static Elements Of(Tensor tensor) =>
        tensor.DType.PadsLastBlock ? new PackedElements(tensor)
        : tensor.DType.BlockLength > 1 ? new TensorElements(new Tensor(tensor.Name, DType.F32, tensor.Shape, CastBytes.Create(tensor, DType.F32)))
        : new TensorElements(tensor);
}

/// <summary>The elements of a tensor, of any type whose numbers are floats and take whole bytes.</summary>
internal sealed class TensorElements : Elements
{
    private readonly Tensor _tensor;
    private readonly BlockConversion? _convert;
    private readonly float[]? _table;

    public TensorElements(Tensor tensor)
    {
        _tensor = tensor;
        // 256 numbers are looked up faster than they are worked out, but for those that vectors work out.
        _table = tensor.DType.BlockBytes == 1 && !ConvertsBytes(tensor.DType) ? Table(tensor.DType) : null;
        _convert = tensor.DType == DType.F32 ? null : Conversion.Between(tensor.DType, DType.F32);
    }

    public override bool ReadsForward => _tensor.Bytes.ReadsForward;

    public override void Read(long first, Span<float> values)
    {
        int size = _tensor.DType.BlockBytes;
        if (size == sizeof(float) && _convert is null)
        {
            _tensor.Bytes.Read(first * size, MemoryMarshal.AsBytes(values));
            return;
        }
        byte[] bytes = ArrayPool<byte>.Shared.Rent(values.Length * size);
        try
        {
            Span<byte> read = bytes.AsSpan(0, values.Length * size);
            _tensor.Bytes.Read(first * size, read);
            if (_table is null)
            {
                _convert!(read, MemoryMarshal.AsBytes(values));
                return;
            }
            for (int index = 0; index < values.Length; index++)
            {
                values[index] = _table[read[index]];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static bool ConvertsBytes(DType dtype) => Vector256.IsHardwareAccelerated && ByteFloats.Between(dtype, DType.F32) is not null;

    private static float[] Table(DType dtype)
    {
        float[] table = new float[256];
        byte[] bytes = [.. Enumerable.Range(0, table.Length).Select(static value => (byte)value)];
        Conversion.Between(dtype, DType.F32)(bytes, MemoryMarshal.AsBytes(table.AsSpan()));
        return table;
    }
}

/// <summary>Two numbers in each byte, out of sixteen.</summary>
/// <param name="bytes">The bytes.</param>
/// <param name="table">The sixteen numbers.</param>
/// <param name="isHighFirst">Whether the higher four bits are the earlier number.</param>
internal sealed class NibbleElements(ByteSource bytes, float[] table, bool isHighFirst) : PackedElements(bytes, 4, table, isHighFirst);

/// <summary>Numbers of which several are in each byte.</summary>
/// <param name="bytes">The bytes.</param>
/// <param name="bits">Bits of a number: 1, 2 or 4.</param>
/// <param name="table">The numbers that bits stand for.</param>
/// <param name="isHighFirst">Whether the higher four bits are the earlier number; of fewer bits, the lowest are the first.</param>
internal class PackedElements(ByteSource bytes, int bits, float[] table, bool isHighFirst) : Elements
{
    private readonly BitLanes _lanes = new(bits, isHighFirst);

    /// <summary>The elements of a tensor of which several are in each byte, from the lowest bit up.</summary>
    public PackedElements(Tensor tensor)
        : this(tensor.Bytes, 8 / tensor.DType.BlockLength, Table(tensor.DType), isHighFirst: false)
    {
    }

    public override bool ReadsForward => bytes.ReadsForward;

    public override void Read(long first, Span<float> values)
    {
        int perByte = 8 / bits;
        (long start, long skip) = Math.DivRem(first, perByte);
        int length = (int)(((first + values.Length + perByte - 1) / perByte) - start);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(length + BitLanes.Slack);
        try
        {
            bytes.Read(start, buffer.AsSpan(0, length));
            // One by one up to the end of a byte, eight at a time from there, and again the rest.
            int place = (int)skip;
            int lead = Math.Min((perByte - place) % perByte, values.Length);
            LookUp(buffer, place, values[..lead]);
            place += lead;
            values = values[lead..];
            if (BitLanes.IsSupported)
            {
                int done = _lanes.LookUp(buffer.AsSpan(place / perByte), table, values);
                place += done;
                values = values[done..];
            }
            LookUp(buffer, place, values);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void LookUp(ReadOnlySpan<byte> packed, int place, Span<float> values)
    {
        int flip = isHighFirst ? 1 : 0;
        for (int index = 0; index < values.Length; index++, place++)
        {
            int bit = place * bits;
            values[index] = table[(packed[bit >> 3] >> ((bit & 7) ^ (flip * bits))) & ((1 << bits) - 1)];
        }
    }

    // The first number of each byte that has no others.
    private static float[] Table(DType dtype)
    {
        int bits = 8 / dtype.BlockLength;
        byte[] single = [.. Enumerable.Range(0, 1 << bits).Select(static value => (byte)value)];
        float[] all = new float[single.Length * dtype.BlockLength];
        Conversion.Between(dtype, DType.F32)(single, MemoryMarshal.AsBytes(all.AsSpan()));
        return [.. all.Where((_, index) => index % dtype.BlockLength == 0)];
    }
}

/// <summary>Numbers in rows, of which the last of each row are left out.</summary>
/// <param name="elements">The numbers.</param>
/// <param name="columns">Numbers of a row that count.</param>
/// <param name="stride">From one row to the next.</param>
internal sealed class RowElements(Elements elements, long columns, long stride) : Elements
{
    public override bool ReadsForward => elements.ReadsForward;

    public override void Read(long first, Span<float> values)
    {
        (long row, long column) = Math.DivRem(first, columns);
        (long lastRow, long lastColumn) = Math.DivRem(first + values.Length - 1, columns);
        long start = (row * stride) + column;
        int length = checked((int)((lastRow * stride) + lastColumn + 1 - start));
        float[] buffer = ArrayPool<float>.Shared.Rent(length);
        try
        {
            elements.Read(start, buffer.AsSpan(0, length));
            int from = 0;
            while (!values.IsEmpty)
            {
                int count = (int)Math.Min(columns - column, values.Length);
                buffer.AsSpan(from, count).CopyTo(values);
                values = values[count..];
                from += count + (int)(stride - columns);
                column = 0;
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(buffer);
        }
    }
}

/// <summary>Numbers that others are scaled by, themselves scaled or moved by one number.</summary>
/// <param name="elements">The numbers.</param>
/// <param name="change">From a number to what it stands for.</param>
internal sealed class ChangedElements(Elements elements, Func<float, float> change) : Elements
{
    public override void Read(long first, Span<float> values)
    {
        elements.Read(first, values);
        foreach (ref float value in values)
        {
            value = change(value);
        }
    }
}
