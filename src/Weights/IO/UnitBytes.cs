namespace Weights.IO;

/// <summary>Bytes that are made a whole unit (an element, a word, a block) at a time; reads that start or end inside one are pieced together here.</summary>
public abstract class UnitBytes : ByteSource
{
    private readonly int _unitBytes;

    /// <summary>A source whose units have <paramref name="unitBytes"/> bytes.</summary>
    protected UnitBytes(int unitBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(unitBytes);
        _unitBytes = unitBytes;
    }

    /// <summary>Makes whole units.</summary>
    /// <param name="first">Index of the first unit.</param>
    /// <param name="units">Receives them; its length is a positive multiple of the unit's, that of the last one too where <see cref="ByteSource.Length"/> cuts it short.</param>
    protected abstract void ReadUnits(long first, Span<byte> units);

    /// <inheritdoc/>
    protected sealed override void ReadCore(long offset, Span<byte> destination)
    {
        (long first, long skip) = Math.DivRem(offset, _unitBytes);
        if (skip != 0)
        {
            int taken = ReadPart(first, (int)skip, destination);
            destination = destination[taken..];
            first++;
        }
        int whole = destination.Length / _unitBytes * _unitBytes;
        if (whole > 0)
        {
            ReadUnits(first, destination[..whole]);
            first += whole / _unitBytes;
        }
        if (whole < destination.Length)
        {
            ReadPart(first, 0, destination[whole..]);
        }
    }

    private int ReadPart(long unit, int skip, Span<byte> destination)
    {
        Span<byte> bytes = _unitBytes <= 512 ? stackalloc byte[_unitBytes] : new byte[_unitBytes];
        ReadUnits(unit, bytes);
        int taken = Math.Min(_unitBytes - skip, destination.Length);
        bytes.Slice(skip, taken).CopyTo(destination);
        return taken;
    }
}
