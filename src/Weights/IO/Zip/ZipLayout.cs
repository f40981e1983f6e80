using System.Buffers.Binary;
using System.Text;

namespace Weights.IO;

/// <summary>
/// Lays out a zip archive of stored entries whose contents begin at multiples of an alignment, so that they can be mapped.
/// </summary>
/// <remarks>
/// Alignment is made by an extra field <c>FB</c> filled with <c>Z</c>, as PyTorch does. Headers carry sizes and real
/// checksums (no descriptors follow), which are known when the contents have been copied. Entries from 4 GiB on and archives that need it get zip64 fields.
/// The date is the first a zip archive can have, whenever it is written.
/// </remarks>
public sealed class ZipLayout
{
    private const ushort VersionNeeded = 20;
    private const ushort VersionZip64 = 45;
    private const ushort Utf8Names = 1 << 11;
    private const ushort FirstDate = (1 << 5) | 1; // 1 January 1980
    private const int LocalBytes = 30;
    private const int Zip64LocalExtraBytes = 20;

    private readonly int _alignment;
    private readonly List<Entry> _entries = [];
    private long _cursor;

    /// <param name="alignment">Contents begin at multiples of this many bytes.</param>
    public ZipLayout(int alignment) => _alignment = alignment;

    /// <summary>Adds an entry after those added before.</summary>
    /// <param name="name">Name in the archive, at most 65,535 bytes in UTF-8.</param>
    /// <param name="contents">Its bytes.</param>
    /// <param name="tensor">The tensor they are, if they are one; for messages.</param>
    public void Add(string name, ByteSource contents, string? tensor = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(contents);
        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(utf8.Length, ushort.MaxValue, nameof(name));
        bool large = contents.Length >= uint.MaxValue;
        long unpadded = _cursor + LocalBytes + utf8.Length + (large ? Zip64LocalExtraBytes : 0) + 4;
        int padding = (int)((_alignment - (unpadded % _alignment)) % _alignment);
        _entries.Add(new Entry(utf8, contents, tensor, _cursor, unpadded + padding, padding, large));
        _cursor = unpadded + padding + contents.Length;
    }

    /// <summary>The archive as a file to be written.</summary>
    public FileLayout ToFile(string name)
    {
        long directory = _cursor;
        long length = directory + _entries.Sum(static entry => DirectoryBytes(entry)) + EndBytes(directory);
        return new FileLayout
        {
            Name = name,
            Length = length,
            Segments = [.. _entries.Select(static entry => new Segment(entry.DataOffset, entry.Contents, entry.Tensor, NeedsCrc32: true))],
            Finish = checksums => Headers(directory, checksums),
        };
    }

    private IEnumerable<Segment> Headers(long directory, IReadOnlyList<uint> checksums)
    {
        using MemoryStream central = new();
        for (int index = 0; index < _entries.Count; index++)
        {
            Entry entry = _entries[index];
            yield return new Segment(entry.Offset, new MemoryBytes(Local(entry, checksums[index])));
            central.Write(Central(entry, checksums[index]));
        }
        long size = central.Length;
        central.Write(End(directory, size));
        yield return new Segment(directory, new MemoryBytes(central.ToArray()));
    }

    private static byte[] Local(Entry entry, uint checksum)
    {
        byte[] header = new byte[entry.DataOffset - entry.Offset];
        Span<byte> span = header;
        uint size = entry.Large ? uint.MaxValue : (uint)entry.Contents.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(span, 0x04034B50);
        BinaryPrimitives.WriteUInt16LittleEndian(span[4..], entry.Large ? VersionZip64 : VersionNeeded);
        BinaryPrimitives.WriteUInt16LittleEndian(span[6..], Utf8Names);
        BinaryPrimitives.WriteUInt16LittleEndian(span[12..], FirstDate);
        BinaryPrimitives.WriteUInt32LittleEndian(span[14..], checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(span[18..], size);
        BinaryPrimitives.WriteUInt32LittleEndian(span[22..], size);
        BinaryPrimitives.WriteUInt16LittleEndian(span[26..], (ushort)entry.Name.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(span[28..], (ushort)(header.Length - LocalBytes - entry.Name.Length));
        entry.Name.CopyTo(span[LocalBytes..]);
        span = span[(LocalBytes + entry.Name.Length)..];
        if (entry.Large)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(span, 1);
            BinaryPrimitives.WriteUInt16LittleEndian(span[2..], Zip64LocalExtraBytes - 4);
            BinaryPrimitives.WriteInt64LittleEndian(span[4..], entry.Contents.Length);
            BinaryPrimitives.WriteInt64LittleEndian(span[12..], entry.Contents.Length);
            span = span[Zip64LocalExtraBytes..];
        }
        "FB"u8.CopyTo(span);
        BinaryPrimitives.WriteUInt16LittleEndian(span[2..], (ushort)entry.Padding);
        span[4..].Fill((byte)'Z');
        return header;
    }

    private static byte[] Central(Entry entry, uint checksum)
    {
        byte[] header = new byte[DirectoryBytes(entry)];
        Span<byte> span = header;
        (bool farAway, bool large) = (entry.Offset >= uint.MaxValue, entry.Large);
        uint size = large ? uint.MaxValue : (uint)entry.Contents.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(span, 0x02014B50);
        BinaryPrimitives.WriteUInt16LittleEndian(span[4..], large || farAway ? VersionZip64 : VersionNeeded);
        BinaryPrimitives.WriteUInt16LittleEndian(span[6..], large || farAway ? VersionZip64 : VersionNeeded);
        BinaryPrimitives.WriteUInt16LittleEndian(span[8..], Utf8Names);
        BinaryPrimitives.WriteUInt16LittleEndian(span[14..], FirstDate);
        BinaryPrimitives.WriteUInt32LittleEndian(span[16..], checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(span[20..], size);
        BinaryPrimitives.WriteUInt32LittleEndian(span[24..], size);
        BinaryPrimitives.WriteUInt16LittleEndian(span[28..], (ushort)entry.Name.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(span[42..], farAway ? uint.MaxValue : (uint)entry.Offset);
        entry.Name.CopyTo(span[46..]);
        span = span[(46 + entry.Name.Length)..];
        if (!span.IsEmpty)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(30), (ushort)span.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(span, 1);
            BinaryPrimitives.WriteUInt16LittleEndian(span[2..], (ushort)(span.Length - 4));
            span = span[4..];
            if (large)
            {
                BinaryPrimitives.WriteInt64LittleEndian(span, entry.Contents.Length);
                BinaryPrimitives.WriteInt64LittleEndian(span[8..], entry.Contents.Length);
                span = span[16..];
            }
            if (farAway)
            {
                BinaryPrimitives.WriteInt64LittleEndian(span, entry.Offset);
            }
        }
        return header;
    }

    private static int DirectoryBytes(Entry entry)
    {
        int zip64 = (entry.Large ? 16 : 0) + (entry.Offset >= uint.MaxValue ? 8 : 0);
        return 46 + entry.Name.Length + (zip64 > 0 ? 4 + zip64 : 0);
    }

    private bool NeedsZip64(long directory) => _entries.Count >= ushort.MaxValue || directory >= uint.MaxValue - LargestDirectory;

    // An archive whose directory begins near 4 GiB gets zip64 whether or not the last byte passes it.
    private const long LargestDirectory = 256L << 20;

    private int EndBytes(long directory) => NeedsZip64(directory) ? 56 + 20 + 22 : 22;

    private byte[] End(long directory, long size)
    {
        byte[] record = new byte[EndBytes(directory)];
        Span<byte> span = record;
        bool zip64 = NeedsZip64(directory);
        if (zip64)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(span, 0x06064B50);
            BinaryPrimitives.WriteInt64LittleEndian(span[4..], 56 - 12);
            BinaryPrimitives.WriteUInt16LittleEndian(span[12..], VersionZip64);
            BinaryPrimitives.WriteUInt16LittleEndian(span[14..], VersionZip64);
            BinaryPrimitives.WriteInt64LittleEndian(span[24..], _entries.Count);
            BinaryPrimitives.WriteInt64LittleEndian(span[32..], _entries.Count);
            BinaryPrimitives.WriteInt64LittleEndian(span[40..], size);
            BinaryPrimitives.WriteInt64LittleEndian(span[48..], directory);
            span = span[56..];
            BinaryPrimitives.WriteUInt32LittleEndian(span, 0x07064B50);
            BinaryPrimitives.WriteInt64LittleEndian(span[8..], directory + size);
            BinaryPrimitives.WriteUInt32LittleEndian(span[16..], 1);
            span = span[20..];
        }
        ushort count = zip64 ? ushort.MaxValue : (ushort)_entries.Count;
        BinaryPrimitives.WriteUInt32LittleEndian(span, 0x06054B50);
        BinaryPrimitives.WriteUInt16LittleEndian(span[8..], count);
        BinaryPrimitives.WriteUInt16LittleEndian(span[10..], count);
        BinaryPrimitives.WriteUInt32LittleEndian(span[12..], zip64 ? uint.MaxValue : (uint)size);
        BinaryPrimitives.WriteUInt32LittleEndian(span[16..], zip64 ? uint.MaxValue : (uint)directory);
        return record;
    }

    private sealed record Entry(byte[] Name, ByteSource Contents, string? Tensor, long Offset, long DataOffset, int Padding, bool Large);
}
