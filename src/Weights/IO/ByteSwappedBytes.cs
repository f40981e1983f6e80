using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Weights.IO;

/// <summary>Words in the other byte order: what a big-endian file holds, made little-endian.</summary>
public sealed class ByteSwappedBytes : UnitBytes
{
    private readonly ByteSource _source;
    private readonly int _wordBytes;

    private ByteSwappedBytes(ByteSource source, int wordBytes)
        : base(wordBytes) => (_source, _wordBytes) = (source, wordBytes);

    /// <inheritdoc/>
    public override long Length => _source.Length;

    /// <inheritdoc/>
    public override bool ReadsForward => _source.ReadsForward;

    /// <summary><paramref name="source"/> with the bytes of every word reversed; the source itself where a word is one byte.</summary>
    /// <param name="source">Whole words.</param>
    /// <param name="wordBytes">1, 2, 4 or 8 (<see cref="DType.WordBytes"/>).</param>
    public static ByteSource Create(ByteSource source, int wordBytes)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Length % wordBytes != 0 || wordBytes is not (1 or 2 or 4 or 8))
        {
            throw new ArgumentException($"{source.Length} bytes are not whole words of {wordBytes}", nameof(wordBytes));
        }
        return wordBytes == 1 ? source : new ByteSwappedBytes(source, wordBytes);
    }

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        _source.Read(first * _wordBytes, units);
        switch (_wordBytes)
        {
            case 2:
                Span<ushort> shorts = MemoryMarshal.Cast<byte, ushort>(units);
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 4:
                Span<uint> ints = MemoryMarshal.Cast<byte, uint>(units);
                BinaryPrimitives.ReverseEndianness(ints, ints);
                break;
            default:
                Span<ulong> longs = MemoryMarshal.Cast<byte, ulong>(units);
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
        }
    }
}
