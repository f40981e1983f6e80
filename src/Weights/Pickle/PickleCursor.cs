using System.Buffers;
using System.Buffers.Binary;

namespace Weights.Pickle;

/// <summary>
/// Reads a pickle stream forward through one window. No length that the stream states is believed before it is compared with
/// what remains.
/// </summary>
internal sealed class PickleCursor
{
    private const int WindowBytes = 1 << 16;

    private ByteSource _source;
    private byte[] _window;
    private long _windowStart;
    private int _windowLength;
    private int _at;

    /// <param name="source">The stream, or what it is a part of.</param>
    /// <param name="name">What the stream is called in messages, for example <c>archive/data.pkl</c>; empty where it need not be named.</param>
    /// <param name="start">Where in <paramref name="source"/> it begins.</param>
    public PickleCursor(ByteSource source, string name, long start)
    {
        (_source, Name, _windowStart) = (source, name, start);
        _window = new byte[Math.Min(WindowBytes, source.Length - start)];
    }

    /// <summary>Begins elsewhere, and reads through the same window.</summary>
    /// <param name="source">The stream, or what it is a part of.</param>
    /// <param name="start">Where in <paramref name="source"/> it begins.</param>
    public void Restart(ByteSource source, long start)
    {
        (_source, _windowStart, _windowLength, _at) = (source, start, 0, 0);
        if (_window.Length < Math.Min(WindowBytes, source.Length - start))
        {
            _window = new byte[Math.Min(WindowBytes, Math.Max(source.Length - start, 2 * _window.Length))];
        }
    }

    public string Name { get; }

    /// <summary>Offset of the next byte.</summary>
    public long Position => _windowStart + _at;

    private long Remaining => _source.Length - Position;

    /// <summary>An error at <paramref name="offset"/> of the stream.</summary>
    public WeightFileException Refuse(Fault fault, string reason, long offset) =>
        new(fault, Name.Length == 0 ? reason : $"{Printable.Escape(Name)}: {reason}", offset: offset);

    public byte ReadByte(long opcodeAt) => _at < _windowLength ? _window[_at++] : ReadSpan(1, opcodeAt)[0];

    public ushort ReadUInt16(long opcodeAt) => BinaryPrimitives.ReadUInt16LittleEndian(ReadSpan(2, opcodeAt));

    public int ReadInt32(long opcodeAt) => BinaryPrimitives.ReadInt32LittleEndian(ReadSpan(4, opcodeAt));

    public uint ReadUInt32(long opcodeAt) => BinaryPrimitives.ReadUInt32LittleEndian(ReadSpan(4, opcodeAt));

    public double ReadBigEndianDouble(long opcodeAt) => BinaryPrimitives.ReadDoubleBigEndian(ReadSpan(8, opcodeAt));

    /// <summary>A length of 64 bits, checked against what remains.</summary>
    public long ReadLength64(long opcodeAt) => Check(BinaryPrimitives.ReadUInt64LittleEndian(ReadSpan(8, opcodeAt)), opcodeAt);

    /// <summary>A length of 32 bits, checked against what remains.</summary>
    public long ReadLength32(long opcodeAt) => Check(ReadUInt32(opcodeAt), opcodeAt);

    /// <summary>A length of 32 bits with a sign, checked against what remains.</summary>
    public long ReadSignedLength32(long opcodeAt)
    {
        int length = ReadInt32(opcodeAt);
        return length < 0 ? throw Refuse(Fault.Corrupt, $"the pickle states a length of {length} bytes; it is damaged", opcodeAt) : Check((uint)length, opcodeAt);
    }

    /// <summary>A length of 8 bits, checked against what remains.</summary>
    public long ReadLength8(long opcodeAt) => Check(ReadByte(opcodeAt), opcodeAt);

    /// <summary>The next few bytes, valid until the next read; <paramref name="length"/> is at most <see cref="PickleLimits.Copied"/>.</summary>
    public ReadOnlySpan<byte> ReadSpan(int length, long opcodeAt)
    {
        if (length > _windowLength - _at)
        {
            Check((ulong)length, opcodeAt);
            Refill();
        }
        ReadOnlySpan<byte> span = _window.AsSpan(_at, length);
        _at += length;
        return span;
    }

    /// <summary>The next bytes, left where they are; the length has been checked.</summary>
    public ByteSource Take(long length)
    {
        ByteSource part = _source.Slice(Position, length);
        if (length <= _windowLength - _at)
        {
            _at += (int)length;
        }
        else
        {
            (_windowStart, _windowLength, _at) = (Position + length, 0, 0);
        }
        return part;
    }

    /// <summary>The next bytes, copied; the length has been checked.</summary>
    public byte[] Copy(int length)
    {
        byte[] copy = new byte[length];
        if (length <= _windowLength - _at)
        {
            _window.AsSpan(_at, length).CopyTo(copy);
            _at += length;
        }
        else
        {
            Take(length).Read(0, copy);
        }
        return copy;
    }

    /// <summary>Bytes up to a line feed, which is read too but not returned; valid until the next read.</summary>
    public ReadOnlySpan<byte> ReadLine(int limit, long opcodeAt)
    {
        int end = _window.AsSpan(_at, _windowLength - _at).IndexOf((byte)'\n');
        if (end < 0)
        {
            return ReadLongLine(limit, opcodeAt);
        }
        ReadOnlySpan<byte> line = _window.AsSpan(_at, end);
        _at += end + 1;
        return line.Length <= limit ? line : throw TooLong(limit, opcodeAt);
    }

    private ReadOnlySpan<byte> ReadLongLine(int limit, long opcodeAt)
    {
        ArrayBufferWriter<byte> line = new();
        while (true)
        {
            ReadOnlySpan<byte> rest = _window.AsSpan(_at, _windowLength - _at);
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> part = end < 0 ? rest : rest[..end];
            if (part.Length > limit - line.WrittenCount)
            {
                throw TooLong(limit, opcodeAt);
            }
            line.Write(part);
            _at += end < 0 ? rest.Length : end + 1;
            if (end >= 0)
            {
                return line.WrittenSpan;
            }
            Check(1, opcodeAt);
            Refill();
        }
    }

    private WeightFileException TooLong(int limit, long opcodeAt) =>
        Refuse(Fault.Unsupported, $"the pickle has a line of more than {limit:N0} bytes", opcodeAt);

    private void Refill()
    {
        _windowStart = Position;
        _at = 0;
        _windowLength = (int)Math.Min(_window.Length, _source.Length - _windowStart);
        _source.Read(_windowStart, _window.AsSpan(0, _windowLength));
    }

    private long Check(ulong length, long opcodeAt) => length > (ulong)Remaining
        ? throw Refuse(Fault.Corrupt, $"the pickle needs {length:N0} more bytes where {Remaining:N0} remain: it is truncated or damaged; get a fresh copy", opcodeAt)
        : (long)length;
}
