using System.Buffers;

namespace Weights.IO;

/// <summary>
/// Bytes that are dear to make in small pieces and cheaper in large ones, such as rows of a matrix that lies in columns: whoever reads them from the
/// beginning to the end has them made <see cref="BandBytes"/> at a time; any other read goes straight to them.
/// </summary>
public sealed class BandedBytes : ByteSource
{
    // Rows of 128 KiB give runs of 128 elements of a column: 512 bytes, an eighth of what the system reads anyway.
    private const int BandBytes = 16 << 20;

    private readonly ByteSource _source;
    private Band? _band;

    private BandedBytes(ByteSource source) => _source = source;

    /// <inheritdoc/>
    public override long Length => _source.Length;

    /// <inheritdoc/>
    public override bool ReadsForward => true;

    /// <summary>The same bytes; the source itself where one chunk has all of them.</summary>
    public static ByteSource Create(ByteSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return source.Length <= ChunkBytes ? source : new BandedBytes(source);
    }

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination)
    {
        // Whoever takes the band has it alone; others meanwhile read without.
        Band? band = Interlocked.Exchange(ref _band, null);
        if (offset == 0)
        {
            band ??= new Band((int)Math.Min(BandBytes, Length));
            band.Start = band.Filled = 0;
        }
        else if (band is null || offset != band.Next)
        {
            // A read from somewhere else does not end the one that goes on.
            _source.Read(offset, destination);
            _band = band;
            return;
        }
        band.Next = offset + destination.Length;
        while (!destination.IsEmpty)
        {
            long skip = offset - band.Start;
            if (skip >= band.Filled)
            {
                (band.Start, band.Filled, skip) = (offset, (int)Math.Min(BandBytes, Length - offset), 0);
                _source.Read(offset, band.Bytes.AsSpan(0, band.Filled));
            }
            int taken = (int)Math.Min(destination.Length, band.Filled - skip);
            band.Bytes.AsSpan((int)skip, taken).CopyTo(destination);
            destination = destination[taken..];
            offset += taken;
        }
        if (offset < Length)
        {
            _band = band;
        }
        else
        {
            ArrayPool<byte>.Shared.Return(band.Bytes);
        }
    }

    private sealed class Band(int bytes)
    {
        // Given back at the end, as the system clears the pages of a new one.
        public byte[] Bytes { get; } = ArrayPool<byte>.Shared.Rent(bytes);

        /// <summary>Where it begins in the source.</summary>
        public long Start { get; set; }

        /// <summary>Bytes of it that have been made.</summary>
        public int Filled { get; set; }

        /// <summary>Where whoever reads it goes on.</summary>
        public long Next { get; set; }
    }
}
