namespace Weights;

/// <summary>Receives consecutive chunks of a <see cref="ByteSource"/>.</summary>
/// <param name="offset">Byte offset of the chunk's first byte within the source.</param>
/// <param name="chunk">The bytes; valid during the call only.</param>
public delegate void ChunkReader(long offset, ReadOnlySpan<byte> chunk);

/// <summary>
/// Bytes of known length that are read on demand, at any offset, from any thread.
/// </summary>
/// <remarks>
/// Nothing here returns a whole tensor as an array: arrays end at 2 147 483 591 bytes, tensors do not.
/// </remarks>
public abstract class ByteSource
{
    /// <summary>A chunk of a streamed copy, in bytes: large enough that system calls do not show, small enough to stay in cache.</summary>
    public const int ChunkBytes = 1 << 20;

    /// <summary>Length in bytes.</summary>
    public abstract long Length { get; }

    /// <summary>
    /// CRC-32 (IEEE 802.3) that the container recorded for exactly these bytes, or null when it recorded none.
    /// Whoever reads all of them can check it.
    /// </summary>
    public virtual uint? Crc32 => null;

    /// <summary>
    /// Whether reading backwards is dear (a compressed entry must start again): whoever copies such bytes reads them in order.
    /// </summary>
    public virtual bool ReadsForward => false;

    /// <summary>Fills <paramref name="destination"/> with the bytes at <paramref name="offset"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the source.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    /// <exception cref="WeightFileException">The stored form of the bytes (a compressed entry, say) is broken.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        CheckRange(offset, destination.Length);
        if (!destination.IsEmpty)
        {
            ReadCore(offset, destination);
        }
    }

    /// <summary>As <see cref="Read"/>; the range has been checked and is not empty.</summary>
    protected abstract void ReadCore(long offset, Span<byte> destination);

    /// <summary>The bytes from <paramref name="offset"/> on, <paramref name="length"/> of them, without reading any.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the source.</exception>
    public ByteSource Slice(long offset, long length)
    {
        CheckRange(offset, length);
        return offset == 0 && length == Length ? this : SliceCore(offset, length);
    }

    /// <summary>As <see cref="Slice"/>; the range has been checked and is a proper part.</summary>
    protected virtual ByteSource SliceCore(long offset, long length) => new Part(this, offset, length);

    /// <summary>Reads everything in order through <paramref name="buffer"/>, a buffer's length at a time.</summary>
    public void ReadChunks(Span<byte> buffer, ChunkReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentOutOfRangeException.ThrowIfZero(buffer.Length);
        for (long offset = 0; offset < Length; offset += buffer.Length)
        {
            Span<byte> chunk = buffer[..(int)Math.Min(buffer.Length, Length - offset)];
            ReadCore(offset, chunk);
            reader(offset, chunk);
        }
    }

    private void CheckRange(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (offset > Length || length > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"bytes {offset} to {(Int128)offset + length} are not inside a source of {Length} bytes");
        }
    }

    private sealed class Part(ByteSource whole, long start, long length) : ByteSource
    {
        public override long Length => length;

        public override bool ReadsForward => whole.ReadsForward;

        protected override void ReadCore(long offset, Span<byte> destination) => whole.ReadCore(start + offset, destination);

        protected override ByteSource SliceCore(long offset, long partLength) => whole.Slice(start + offset, partLength);
    }
}
