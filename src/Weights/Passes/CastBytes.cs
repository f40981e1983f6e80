using System.Buffers;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Passes;

/// <summary>
/// The bytes of a tensor in another element type, converted when they are read. A unit is the fewest elements that are
/// whole blocks of both types: for F4 (2 in a byte) and F6 (4 in 3 bytes), four elements.
/// </summary>
internal sealed class CastBytes : UnitBytes
{
    // Large enough that system calls do not show (2 µs each; 256 KiB take 30 µs to read), small enough for the second-level cache.
    private const int BufferBytes = 256 << 10;

    private readonly ByteSource _source;
    private readonly BlockConversion _convert;
    private readonly SourceCheck _check;
    private readonly int _sourceUnit;
    private readonly int _targetUnit;

    private CastBytes(ByteSource source, BlockConversion convert, int sourceUnit, int targetUnit)
        : base(targetUnit)
    {
        (_source, _convert, _sourceUnit, _targetUnit) = (source, convert, sourceUnit, targetUnit);
        _check = new SourceCheck(source);
        Length = source.Length / sourceUnit * targetUnit;
    }

    public override long Length { get; }

    public override bool ReadsForward => _source.ReadsForward;

    /// <summary>A cast of all of <paramref name="source"/>, whose elements are whole blocks of both types.</summary>
    public static CastBytes Create(ByteSource source, DType from, DType to)
    {
        int elements = Conversion.CommonBlockLength(from, to);
        return new CastBytes(source, Conversion.Between(from, to), elements / from.BlockLength * from.BlockBytes, elements / to.BlockLength * to.BlockBytes);
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
                _source.Read(first * _sourceUnit, source);
                _check.Saw(first * _sourceUnit, source);
                _convert(source, units[..(count * _targetUnit)]);
                first += count;
                units = units[(count * _targetUnit)..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
