using System.Numerics;

namespace Weights.Formats.Onnx.Wire;

/// <summary>How a field of a protobuf message is stored: the low three bits of its tag.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
    Fixed32 = 5,
}

/// <summary>
/// Reads protobuf's wire format at positions: what is skipped is never read. See https://protobuf.dev/programming-guides/encoding/.
/// A window of <see cref="WindowBytes"/> is all the memory it takes.
/// </summary>
internal sealed class WireCursor(ByteSource bytes)
{
    /// <summary>Longest encoding of a number of 64 bits, seven bits to a byte.</summary>
    public const int LongestVarint = 10;

    // A header between two payloads has some 50 bytes, a graph without payloads some 100 for each node.
    private const int WindowBytes = 16 << 10;

    private readonly byte[] _window = new byte[(int)Math.Min(WindowBytes, bytes.Length)];
    private long _windowStart;
    private int _windowLength;

    /// <summary>Bytes of the file.</summary>
    public long Length => bytes.Length;

    /// <summary>Where the next read begins.</summary>
    public long Position { get; set; }

    /// <summary>Fills <paramref name="destination"/> with the bytes at <paramref name="start"/>, which have been gone over.</summary>
    public void Copy(long start, Span<byte> destination)
    {
        long index = start - _windowStart;
        if (index >= 0 && index + destination.Length <= _windowLength)
        {
            _window.AsSpan((int)index, destination.Length).CopyTo(destination);
        }
        else
        {
            bytes.Read(start, destination);
        }
    }

    /// <summary>Reads a number of up to 64 bits, in seven bits per byte, lowest first.</summary>
    /// <param name="end">Where the message ends.</param>
    /// <exception cref="WeightFileException">It goes beyond the end, or has more than ten bytes.</exception>
    public ulong ReadVarint(long end)
    {
        long start = Position;
        ulong value = 0;
        for (int shift = 0; shift < 7 * LongestVarint; shift += 7)
        {
            if (Position >= end)
            {
                throw Corrupt("a number goes beyond the end of its message", start);
            }
            byte next = ReadByte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
        throw Corrupt("a number has more than ten bytes", start);
    }

    /// <summary>Reads a field's number and how it is stored.</summary>
    public (int Field, WireType Type) ReadTag(long end)
    {
        long start = Position;
        ulong tag = ReadVarint(end);
        WireType type = (WireType)(tag & 7);
        return tag > uint.MaxValue || tag >> 3 == 0 ? throw Corrupt("a field has no valid number", start)
            : type is WireType.Varint or WireType.Fixed64 or WireType.Delimited or WireType.Fixed32 ? ((int)(tag >> 3), type)
            : throw Corrupt($"field {tag >> 3} is stored in a way that is not known ({(int)type})", start);
    }

    /// <summary>Reads the length of a field and makes sure that so many bytes follow.</summary>
    public long ReadLength(long end)
    {
        long start = Position;
        ulong length = ReadVarint(end);
        return length <= (ulong)(end - Position)
            ? (long)length
            : throw Corrupt(end == Length
                ? $"a field of {length:N0} bytes goes beyond the end of the file, which has {Length:N0} bytes: it is truncated or damaged; get a fresh copy"
                : $"a field of {length:N0} bytes goes beyond the end of its message, which has {end - Position:N0} more; the file is damaged, get a fresh copy", start);
    }

    /// <summary>Goes beyond the value of a field whose tag has been read.</summary>
    public void SkipValue(WireType type, long end)
    {
        long length = type switch
        {
            WireType.Fixed64 => 8,
            WireType.Fixed32 => 4,
            WireType.Delimited => ReadLength(end),
            _ => 0,
        };
        if (type == WireType.Varint)
        {
            ReadVarint(end);
        }
        else if (length > end - Position)
        {
            throw Corrupt("a number goes beyond the end of its message", Position);
        }
        Position += length;
    }

    /// <summary>Bytes that <paramref name="value"/> takes.</summary>
    public static int VarintBytes(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    /// <summary>Writes <paramref name="value"/> in as few bytes as it takes.</summary>
    /// <returns>How many.</returns>
    public static int WriteVarint(ulong value, Span<byte> destination)
    {
        int length = 0;
        for (; value >= 0x80; value >>= 7)
        {
            destination[length++] = (byte)((value & 0x7F) | 0x80);
        }
        destination[length++] = (byte)value;
        return length;
    }

    /// <summary>The tag of a field.</summary>
    public static uint Tag(int field, WireType type) => ((uint)field << 3) | (uint)type;

    /// <summary>A file that is damaged at <paramref name="offset"/>.</summary>
    public static WeightFileException Corrupt(string problem, long offset) => new(Fault.Corrupt, problem, offset: offset);

    private byte ReadByte()
    {
        long index = Position - _windowStart;
        if (index < 0 || index >= _windowLength)
        {
            _windowStart = Position;
            _windowLength = (int)Math.Min(_window.Length, Length - Position);
            bytes.Read(Position, _window.AsSpan(0, _windowLength));
            index = 0;
        }
        Position++;
        return _window[index];
    }
}
