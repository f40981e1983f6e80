using System.Buffers;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Passes;

/// <summary>
/// The bytes of a tensor in another element type, converted when they are read. A unit is the fewest elements that are
/// whole blocks of both types: for F4 (2 in a byte) and F6 (4 in 3 bytes), four elements. The last unit has fewer where the elements
/// do not come to whole units; its bits that none of them uses are zero.
/// </summary>
internal sealed class CastBytes : UnitBytes
{
    // Large enough that system calls do not show (2 µs each; 256 KiB take 30 µs to read), small enough for the second-level cache.
    private const int BufferBytes = 256 << 10;

    private readonly ByteSource _source;
    private readonly DType _to;
    private readonly BlockConversion _convert;
    private readonly SourceCheck _check;
    private readonly int _sourceUnit;
    private readonly int _targetUnit;
    private readonly long _wholeUnits;
    private readonly int _rest; // Elements of the last unit where it is not whole, else 0.

    private CastBytes(Tensor tensor, DType to, long length, int elements, int targetUnit)
        : base(targetUnit)
    {
        DType from = tensor.DType;
        (_source, _to, _convert, _check) = (tensor.Bytes, to, Conversion.Between(from, to), new SourceCheck(tensor.Bytes));
        (_sourceUnit, _targetUnit) = (elements / from.BlockLength * from.BlockBytes, targetUnit);
        (_wholeUnits, _rest) = (tensor.Shape.ElementCount / elements, (int)(tensor.Shape.ElementCount % elements));
        Length = length;
    }

    public override long Length { get; }

    public override bool ReadsForward => _source.ReadsForward;

    /// <summary>A cast of all of <paramref name="tensor"/>, whose shape has a <see cref="DType.ByteCount"/> in the new type.</summary>
    public static CastBytes Create(Tensor tensor, DType to)
    {
        int elements = Conversion.CommonBlockLength(tensor.DType, to);
        return new CastBytes(tensor, to, to.ByteCount(tensor.Shape)!.Value, elements, elements / to.BlockLength * to.BlockBytes);
    }

    protected override void ReadUnits(long first, Span<byte> units)
    {
        int perBuffer = Math.Min(units.Length / _targetUnit, Math.Max(1, BufferBytes / _sourceUnit));
        byte[] buffer = ArrayPool<byte>.Shared.Rent(perBuffer * _sourceUnit);
        try
        {
            while (!units.IsEmpty)
            {
                int count = Math.Min(units.Length / _targetUnit, perBuffer);
                Span<byte> source = buffer.AsSpan(0, count * _sourceUnit);
                // Fewer for the last unit: what is converted besides is cut off or cleared.
                int present = (int)Math.Min(source.Length, _source.Length - (first * _sourceUnit));
                _source.Read(first * _sourceUnit, source[..present]);
                _check.Saw(first * _sourceUnit, source[..present]);
                _convert(source, units[..(count * _targetUnit)]);
                if (_rest != 0 && first + count > _wholeUnits)
                {
                    ClearUnused(units.Slice((count - 1) * _targetUnit, _targetUnit));
                }
                first += count;
                units = units[(count * _targetUnit)..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // The bits of the last byte beyond the last element; what is beyond that byte is beyond the length, too, and is never seen.
    private void ClearUnused(Span<byte> unit)
    {
        (int blocks, int elements) = Math.DivRem(_rest, _to.BlockLength);
        if (elements > 0)
        {
            unit[blocks] &= (byte)((1 << (int)(elements * _to.BitsPerElement)) - 1);
        }
    }
}
