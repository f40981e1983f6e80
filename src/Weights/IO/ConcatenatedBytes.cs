namespace Weights.IO;

/// <summary>Sources one after the other, read as one.</summary>
public sealed class ConcatenatedBytes : ByteSource
{
    private readonly ByteSource[] _parts;
    private readonly long[] _starts; // Where each part begins.

    private ConcatenatedBytes(ByteSource[] parts)
    {
        _parts = parts;
        _starts = new long[parts.Length];
        foreach ((int index, ByteSource part) in parts.Index())
        {
            _starts[index] = Length;
            Length = checked(Length + part.Length);
        }
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override bool ReadsForward => _parts.Any(static part => part.ReadsForward);

    /// <summary>That of the parts, put together, where each has one.</summary>
    public override uint? Crc32
    {
        get
        {
            uint checksum = 0;
            foreach (ByteSource part in _parts)
            {
                if (part.Crc32 is not { } next)
                {
                    return null;
                }
                checksum = Crc32Value.Concatenate(checksum, next, part.Length);
            }
            return checksum;
        }
    }

    /// <summary>All of <paramref name="parts"/> in their order; the only one that is not empty itself.</summary>
    public static ByteSource Create(IEnumerable<ByteSource> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ByteSource[] present = [.. parts.Where(static part => part.Length > 0)];
        return present switch
        {
            [] => new MemoryBytes(ReadOnlyMemory<byte>.Empty),
            [var only] => only,
            _ => new ConcatenatedBytes(present),
        };
    }

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination)
    {
        for (int index = PartAt(offset); !destination.IsEmpty; index++)
        {
            long skip = offset - _starts[index];
            int taken = (int)Math.Min(destination.Length, _parts[index].Length - skip);
            _parts[index].Read(skip, destination[..taken]);
            offset += taken;
            destination = destination[taken..];
        }
    }

    /// <inheritdoc/>
    protected override ByteSource SliceCore(long offset, long length)
    {
        List<ByteSource> slices = [];
        for (int index = length == 0 ? _parts.Length : PartAt(offset); length > 0; index++)
        {
            long skip = offset - _starts[index];
            long taken = Math.Min(length, _parts[index].Length - skip);
            slices.Add(_parts[index].Slice(skip, taken));
            offset += taken;
            length -= taken;
        }
        return Create(slices);
    }

    private int PartAt(long offset)
    {
        int found = Array.BinarySearch(_starts, offset);
        return found >= 0 ? found : ~found - 1;
    }
}
