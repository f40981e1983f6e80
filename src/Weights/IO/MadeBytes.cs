namespace Weights.IO;

/// <summary>Bytes that are made a part at a time, because what a part is made of does not lie together. The last part is kept for whoever reads on.</summary>
/// <param name="length">How many.</param>
/// <param name="partBytes">Bytes of a part; the last may have fewer.</param>
/// <param name="make">Makes a part.</param>
internal sealed class MadeBytes(long length, int partBytes, MadeBytes.Maker make) : ByteSource
{
    private Part? _last;

    /// <summary>Makes a part.</summary>
    /// <param name="index">Which.</param>
    /// <param name="bytes">Receives it.</param>
    public delegate void Maker(long index, Span<byte> bytes);

    public override long Length => length;

    public override bool ReadsForward => true;

    protected override void ReadCore(long offset, Span<byte> destination)
    {
        // Whoever takes the part has it alone; others meanwhile make their own.
        Part part = Interlocked.Exchange(ref _last, null) ?? new Part(new byte[Math.Min(partBytes, length)]);
        while (!destination.IsEmpty)
        {
            (long index, long within) = Math.DivRem(offset, partBytes);
            Span<byte> bytes = part.Bytes.AsSpan(0, (int)Math.Min(partBytes, length - (index * partBytes)));
            if (part.Index != index)
            {
                part.Index = -1;
                make(index, bytes);
                part.Index = index;
            }
            int taken = (int)Math.Min(destination.Length, bytes.Length - within);
            bytes.Slice((int)within, taken).CopyTo(destination);
            destination = destination[taken..];
            offset += taken;
        }
        _last = part;
    }

    private sealed class Part(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;

        public long Index { get; set; } = -1;
    }
}
