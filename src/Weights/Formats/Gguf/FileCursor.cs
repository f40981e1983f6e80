using System.Buffers.Binary;
using System.Text;
using Weights.IO;

namespace Weights.Formats.Gguf;

/// <summary>Reads the head of a file from front to back, in either byte order, through one small buffer; nothing is read or made room for that the file has no bytes for.</summary>
internal sealed class FileCursor(ByteSource file)
{
    // Heads are up to some 20 MB, nearly all of it the words of a vocabulary.
    private const long MaxHeadBytes = 512L << 20;
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _buffer = new byte[64 << 10];
    private long _start; // Of the buffer, in the file.
    private int _next; // In the buffer.
    private int _end;

    /// <summary>Whether numbers have their most significant byte first.</summary>
    public bool IsBigEndian { get; set; }

    /// <summary>Byte offset in the file.</summary>
    public long Position => _start + _next;

    /// <summary>Bytes that follow.</summary>
    public long Left => file.Length - Position;

    /// <summary>A number of 8 bits.</summary>
    public byte U8() => Take(1)[0];

    /// <summary>A number of 16 bits.</summary>
    public ushort U16() => IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(Take(2)) : BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    /// <summary>A number of 32 bits.</summary>
    public uint U32() => IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(Take(4)) : BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>A number of 64 bits.</summary>
    public ulong U64() => IsBigEndian ? BinaryPrimitives.ReadUInt64BigEndian(Take(8)) : BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>How many of something follow, each of which needs at least <paramref name="leastBytes"/>.</summary>
    /// <exception cref="WeightFileException">More than the rest of the file can hold.</exception>
    public long Count(string what, int leastBytes)
    {
        long at = Position;
        ulong count = U64();
        return count <= (ulong)(Left / leastBytes)
            ? (long)count
            : throw new WeightFileException(Fault.Corrupt, $"says that it has {count:N0} {what}, for which the {Left:N0} bytes that follow do not suffice; it is damaged or cut off: get a fresh copy", offset: at);
    }

    /// <summary>Text after its length.</summary>
    public string Text(string what)
    {
        long length = Count($"bytes in {what}", 1);
        RequireShort(Position + length);
        long at = Position;
        ReadOnlySpan<byte> bytes = length <= _buffer.Length ? Take((int)length) : Read(new byte[length]);
        try
        {
            return s_utf8.GetString(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw new WeightFileException(Fault.Corrupt, $"has {what} that is not UTF-8; it is damaged: get a fresh copy", offset: at, inner: error);
        }
    }

    /// <summary>Numbers of one size, in the machine's byte order.</summary>
    /// <param name="count">How many; the file has been found to be long enough for them.</param>
    /// <param name="wordBytes">1, 2, 4 or 8.</param>
    public byte[] Words(long count, int wordBytes)
    {
        RequireShort(Position + (count * wordBytes));
        byte[] words = new byte[count * wordBytes];
        Read(words);
        if (IsBigEndian)
        {
            ByteSwappedBytes.Create(new MemoryBytes(words), wordBytes).Read(0, words);
        }
        return words;
    }

    private static void RequireShort(long end)
    {
        if (end > MaxHeadBytes)
        {
            throw new WeightFileException(Fault.Unsupported, $"has more than {MaxHeadBytes >> 20} MiB of metadata, which is not read here");
        }
    }

    private ReadOnlySpan<byte> Read(byte[] array)
    {
        if (array.Length <= _buffer.Length)
        {
            Take(array.Length).CopyTo(array);
            return array;
        }
        file.Read(Position, array);
        (_start, _next, _end) = (Position + array.Length, 0, 0);
        return array;
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (_end - _next < length)
        {
            if (Left < length)
            {
                throw new WeightFileException(Fault.Corrupt, $"ends in the middle of its metadata, after {file.Length:N0} bytes; get a fresh copy", offset: Position);
            }
            RequireShort(Position + length);
            (_start, _next) = (Position, 0);
            _end = (int)Math.Min(_buffer.Length, file.Length - _start);
            file.Read(_start, _buffer.AsSpan(0, _end));
        }
        _next += length;
        return _buffer.AsSpan(_next - length, length);
    }
}
