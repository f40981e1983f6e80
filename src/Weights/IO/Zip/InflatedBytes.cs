using System.IO.Compression;

namespace Weights.IO;

/// <summary>
/// A deflated entry. Read in order, it is inflated on the way; at the first step backwards all of it goes to a temporary file,
/// so that no order of reading inflates anything more than twice.
/// </summary>
internal sealed class InflatedBytes : ByteSource, IDisposable
{
    private readonly ByteSource _compressed;
    private readonly string _what;
    private readonly long _archiveOffset;
    private readonly Lock _lock = new();
    private DeflateStream? _stream;
    private long _position;
    private FileStream? _spilled;
    private bool _disposed;

    /// <param name="compressed">The deflate stream (RFC 1951).</param>
    /// <param name="length">Bytes that it is said to inflate to.</param>
    /// <param name="crc32">CRC-32 of them, if it was recorded.</param>
    /// <param name="what">What it is, for messages.</param>
    /// <param name="archiveOffset">Where it stands, for messages.</param>
    public InflatedBytes(ByteSource compressed, long length, uint? crc32, string what, long archiveOffset)
    {
        // Deflate's longest match is 258 bytes in 2 bits: more than 1032 to 1 cannot be.
        if (length / 1032 > compressed.Length + 1)
        {
            throw new WeightFileException(Fault.Corrupt, $"{what} is said to inflate from {compressed.Length} to {length} bytes, which deflate cannot do", offset: archiveOffset);
        }
        (_compressed, Length, Crc32, _what, _archiveOffset) = (compressed, length, crc32, what, archiveOffset);
    }

    public override long Length { get; }

    public override uint? Crc32 { get; }

    public override bool ReadsForward => true;

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _stream?.Dispose();
            _spilled?.Dispose();
        }
    }

    protected override void ReadCore(long offset, Span<byte> destination)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_spilled is null && offset < _position)
            {
                Spill();
            }
            if (_spilled is not null)
            {
                _spilled.Position = offset;
                _spilled.ReadExactly(destination);
                return;
            }
            Span<byte> skipped = stackalloc byte[4096];
            while (_position < offset)
            {
                Inflate(skipped[..(int)Math.Min(skipped.Length, offset - _position)]);
            }
            Inflate(destination);
        }
    }

    private void Inflate(Span<byte> destination)
    {
        _stream ??= new DeflateStream(new SourceStream(_compressed), CompressionMode.Decompress);
        try
        {
            _stream.ReadExactly(destination);
            _position += destination.Length;
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException)
        {
            throw new WeightFileException(Fault.Corrupt, $"{_what} does not inflate to the {Length} bytes it is said to have; the file is damaged, get a fresh copy", offset: _archiveOffset, inner: error);
        }
    }

    private void Spill()
    {
        _stream?.Dispose();
        (_stream, _position) = (null, 0);
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"weights-{System.IO.Path.GetRandomFileName()}");
        FileStream file = new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        if (!OperatingSystem.IsWindows())
        {
            File.Delete(path); // Open, it lives on without its name, and a killed run leaves nothing.
        }
        byte[] buffer = new byte[1 << 16];
        while (_position < Length)
        {
            Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, Length - _position));
            Inflate(chunk);
            file.Write(chunk);
        }
        _spilled = file;
    }
}
