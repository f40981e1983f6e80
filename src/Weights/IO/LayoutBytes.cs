namespace Weights.IO;

/// <summary>What a file will be when it has been written: its segments, with zeros between them.</summary>
public sealed class LayoutBytes : ByteSource
{
    private readonly Segment[] _segments;

    /// <summary>All of a file; segments that <see cref="FileLayout.Finish"/> adds are not known yet.</summary>
    /// <exception cref="ArgumentException">The file has such segments, or its segments overlap.</exception>
    public LayoutBytes(FileLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _segments = [.. layout.Segments.Where(static segment => segment.Bytes.Length > 0).OrderBy(static segment => segment.Offset)];
        Length = layout.Length;
        bool overlaps = _segments.Zip(_segments.Skip(1)).Any(static pair => pair.First.Offset + pair.First.Bytes.Length > pair.Second.Offset);
        if (layout.Finish is not null || overlaps)
        {
            throw new ArgumentException("the bytes of the file are not known before it is written", nameof(layout));
        }
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination)
    {
        int index = First(offset);
        while (!destination.IsEmpty)
        {
            int taken;
            if (index < _segments.Length && _segments[index].Offset <= offset)
            {
                Segment segment = _segments[index++];
                long skip = offset - segment.Offset;
                taken = (int)Math.Min(destination.Length, segment.Bytes.Length - skip);
                segment.Bytes.Read(skip, destination[..taken]);
            }
            else
            {
                long gap = (index < _segments.Length ? _segments[index].Offset : Length) - offset;
                taken = (int)Math.Min(destination.Length, gap);
                destination[..taken].Clear();
            }
            offset += taken;
            destination = destination[taken..];
        }
    }

    // The first segment that ends behind the offset.
    private int First(long offset)
    {
        (int low, int high) = (0, _segments.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _segments[middle].Offset + _segments[middle].Bytes.Length > offset ? (low, middle) : (middle + 1, high);
        }
        return low;
    }
}
