using System.Buffers.Binary;
using System.Text;
using Weights.IO;

namespace Weights.Scanning.Containers;

/// <summary>A part of a zip archive.</summary>
/// <param name="Name">Its name in the directory or, where none lists it, in its own header.</param>
/// <param name="LocalName">Its name in its own header.</param>
/// <param name="Offset">Where that header stands.</param>
/// <param name="Bytes">What it holds, as stored.</param>
/// <param name="Method">How that is compressed.</param>
/// <param name="Size">Bytes that it is said to inflate to; negative where nobody says.</param>
/// <param name="Crc32">CRC-32 of them; 0 where none was taken.</param>
internal sealed record ZipPart(string Name, string LocalName, long Offset, ByteSource Bytes, int Method, long Size, uint Crc32);

/// <summary>
/// Every part of a zip archive that any reader could find: those of the directory, as <see cref="ZipDirectory"/> reads it and where it
/// refuses, and those that no directory lists. Readers disagree about archives that contradict themselves, so each contradiction is told.
/// </summary>
internal sealed class ZipParts(ByteSource archive, Action<ZipPart> found, Action<long, string> fault)
{
    private const int LocalHeaderBytes = 30;
    private const int CentralHeaderBytes = 46;
    private const int EndBytes = 22;
    private const int MostDirectories = 8;
    private const int LargestDirectory = 64 << 20;

    // A gap is searched for entries that no directory lists; more than this between two entries is told, not searched.
    private const int LargestGap = 64 << 20;

    // Bits 1 and 2 say how hard deflate tried, 3 that sizes follow the data, 11 that the name is UTF-8.
    private const ushort KnownFlags = 0x080E;

    // Honest entries do not share bytes. Of those that do, this many are read, and twice the archive's bytes in all.
    private const int MostOverlapping = 256;

    private readonly HashSet<(long Offset, long Length, int Method)> _seen = [];
    private readonly HashSet<long> _headers = [];
    private readonly List<(long Start, long End)> _taken = [];
    private readonly byte[] _header = new byte[160]; // Most names fit it, too.
    private long _searched;
    private long _bytesFound;
    private int _overlapping;
    private bool _hasRefused;

    /// <summary>Finds the parts.</summary>
    public void Walk()
    {
        try
        {
            ZipDirectory.Read(archive);
        }
        catch (WeightFileException error)
        {
            fault(error.Offset ?? 0, error.Reason);
        }
        List<long> ends = FindEnds();
        if (ends.Count > 1)
        {
            fault(ends[0], "the archive has several directories, of which different readers take different ones");
        }
        foreach (long end in ends.Take(MostDirectories))
        {
            ReadDirectory(end);
        }
        WalkGaps(ends);
    }

    private List<long> FindEnds()
    {
        List<long> ends = [];
        byte[] tail = new byte[Math.Min(archive.Length, EndBytes + ushort.MaxValue)];
        archive.Read(archive.Length - tail.Length, tail);
        for (int at = tail.AsSpan().IndexOf("PK\x05\x06"u8); at >= 0 && at <= tail.Length - EndBytes && ends.Count <= MostDirectories;)
        {
            long end = archive.Length - tail.Length + at;
            int next = tail.AsSpan(at + 4).IndexOf("PK\x05\x06"u8);
            // Numbers of tensors may read like one; the last is what readers take, whatever it says.
            if (next < 0 || HasDirectory(end))
            {
                ends.Add(end);
            }
            at = next < 0 ? -1 : at + 4 + next;
        }
        return ends;
    }

    private bool HasDirectory(long endOffset)
    {
        byte[] end = ReadAt(endOffset, EndBytes);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(12));
        long start = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(16));
        return size == uint.MaxValue || IsCentralHeader(endOffset - size) || IsCentralHeader(start);
    }

    private bool IsCentralHeader(long offset) => offset >= 0 && offset <= archive.Length - CentralHeaderBytes && Starts(offset, "PK\x01\x02"u8);

    private void ReadDirectory(long endOffset)
    {
        byte[] end = ReadAt(endOffset, EndBytes);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(12));
        long start = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(16));
        long before = endOffset;
        if (endOffset >= 76 && ReadAt(endOffset - 20, 20) is { } locator && locator.AsSpan().StartsWith("PK\x06\x07"u8))
        {
            long record = BinaryPrimitives.ReadInt64LittleEndian(locator.AsSpan(8));
            if (record >= 0 && record <= endOffset - 76 && ReadAt(record, 56) is { } zip64 && zip64.AsSpan().StartsWith("PK\x06\x06"u8))
            {
                (size, start) = (BinaryPrimitives.ReadInt64LittleEndian(zip64.AsSpan(40)), BinaryPrimitives.ReadInt64LittleEndian(zip64.AsSpan(48)));
                before = record;
            }
        }
        // Something in front of the archive shifts it; then its directory still ends where the record begins.
        long shift = before - size - start;
        if (size < 0 || size > LargestDirectory || start < 0 || size > before)
        {
            return; // It has been refused already.
        }
        _taken.Add((before - size, endOffset + EndBytes + BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(20))));
        byte[] directory = ReadAt(before - size, (int)size);
        int position = 0;
        while (directory.Length - position >= CentralHeaderBytes && directory.AsSpan(position).StartsWith("PK\x01\x02"u8))
        {
            ReadOnlySpan<byte> header = directory.AsSpan(position);
            int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
            int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(header[30..]);
            int total = CentralHeaderBytes + nameLength + extraLength + BinaryPrimitives.ReadUInt16LittleEndian(header[32..]);
            if (total > header.Length)
            {
                return;
            }
            ReadCentral(header[..total], nameLength, extraLength, shift);
            position += total;
        }
    }

    private void ReadCentral(ReadOnlySpan<byte> header, int nameLength, int extraLength, long shift)
    {
        string name = Encoding.UTF8.GetString(header.Slice(CentralHeaderBytes, nameLength));
        long compressed = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(header[24..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(header[42..]);
        ZipDirectory.ReadZip64Extra(header.Slice(CentralHeaderBytes + nameLength, extraLength), takesCutOff: true, ref size, ref compressed, ref offset);
        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        int method = BinaryPrimitives.ReadUInt16LittleEndian(header[10..]);
        uint crc32 = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        if (size < 0 || compressed < 0 || offset < 0)
        {
            return;
        }
        if (!IsLocalHeader(offset) && IsLocalHeader(offset + shift))
        {
            offset += shift;
        }
        if (!IsLocalHeader(offset))
        {
            fault(offset, $"the archive's entry {WeightFileException.Quote(name)} is not where its directory says");
            return;
        }
        if (!_headers.Add(offset) && ++_overlapping >= MostOverlapping)
        {
            RefuseOverlapping(offset);
            return;
        }
        LocalHeader local = ReadLocal(offset);
        if (local.Name != name)
        {
            fault(offset, $"the archive's entry {WeightFileException.Quote(name)} is called {WeightFileException.Quote(local.Name)} in its own header");
        }
        CheckFlags(offset, name, (ushort)(flags | local.Flags));
        bool sizesFollow = (local.Flags & 8) != 0;
        if (local.Method != method || (!sizesFollow && (local.Crc32 != crc32 || (local.HasSizes && (local.Compressed != compressed || local.Size != size)))))
        {
            fault(offset, $"the archive's entry {WeightFileException.Quote(name)} has another size, checksum or compression in its own header than in the directory");
        }
        Emit(name, local, compressed, size, method, crc32);
        if (local.Method != method)
        {
            Emit(name, local, compressed, size, local.Method, crc32);
        }
        if (!sizesFollow && local.HasSizes && local.Compressed != compressed)
        {
            Emit(name, local, local.Compressed, local.Size, local.Method, local.Crc32);
        }
    }

    private void Emit(string name, LocalHeader local, long compressed, long size, int method, uint crc32)
    {
        if (local.Data > archive.Length)
        {
            return; // Its header reaches beyond the end, which the directory's reader has told, if it lists it.
        }
        long length = Math.Min(compressed, archive.Length - local.Data);
        if (length < compressed)
        {
            fault(local.Offset, $"the archive's entry {WeightFileException.Quote(name)} is cut off: {compressed - length:N0} of its {compressed:N0} bytes are missing");
        }
        _taken.Add((local.Offset, local.Data + length));
        if (_seen.Add((local.Data, length, method)))
        {
            if (length > (2 * archive.Length) - _bytesFound)
            {
                RefuseOverlapping(local.Offset);
                return;
            }
            _bytesFound += length;
            found(new ZipPart(name, local.Name, local.Offset, archive.Slice(local.Data, length), method, size, crc32));
        }
    }

    private void RefuseOverlapping(long offset)
    {
        if (!_hasRefused)
        {
            fault(offset, "the archive's entries overlap so much that not all of them were read: it is made to deceive");
        }
        _hasRefused = true;
    }

    // Between, before and after the entries nothing but padding and the sizes that follow an entry belongs there.
    private void WalkGaps(List<long> ends)
    {
        _taken.Sort();
        (long Start, long End)[] taken = [.. _taken];
        long at = 0;
        foreach ((long start, long end) in taken)
        {
            WalkGap(at, start, isAll: false);
            at = Math.Max(at, end);
        }
        if (at < archive.Length)
        {
            // Without a directory, which has been told, all entries are found so.
            WalkGap(at, archive.Length, isAll: at == 0 && ends.Count == 0);
        }
    }

    private void WalkGap(long start, long end, bool isAll)
    {
        const int longestDescriptor = 24;
        long length = end - start;
        if (length <= 0)
        {
            return;
        }
        byte[] gap = ReadAt(start, (int)Math.Min(length, Math.Max(0, LargestGap - _searched)));
        _searched += gap.Length;
        bool isDescriptor = start > 0 && length <= longestDescriptor && (length is 12 or 20 || gap.AsSpan().StartsWith("PK\x07\x08"u8));
        if (isDescriptor || (gap.Length == length && gap.AsSpan().IndexOfAnyExcept((byte)0) < 0))
        {
            return;
        }
        if (!isAll)
        {
            fault(start, start == 0
                ? $"{length:N0} bytes stand before the archive's entries, which other readers may take for the file"
                : $"{length:N0} bytes of the archive belong to no entry that its directory lists");
        }
        // What they begin with may be a file of its own, and entries may stand in them.
        if (!ZipDirectory.Begins(gap))
        {
            found(new ZipPart($"[{start}]", "", start, archive.Slice(start, length), 0, length, 0));
        }
        for (int at = gap.AsSpan().IndexOf("PK\x03\x04"u8), next; at >= 0; at = next)
        {
            int following = gap.AsSpan(at + 4).IndexOf("PK\x03\x04"u8);
            next = following < 0 ? -1 : at + 4 + following;
            if (start + at + LocalHeaderBytes > archive.Length)
            {
                break;
            }
            LocalHeader local = ReadLocal(start + at);
            if (next >= 0 && start + next < local.Data && ++_overlapping >= MostOverlapping)
            {
                RefuseOverlapping(start + at);
                break;
            }
            long room = (next < 0 ? end : start + next) - local.Data;
            long compressed = local.HasSizes && (local.Flags & 8) == 0 ? local.Compressed : WithoutDescriptor(gap.AsSpan(at, (int)((next < 0 ? gap.Length : next) - at)), room);
            if (room > 0)
            {
                Emit(local.Name, local, Math.Min(compressed, room), (local.Flags & 8) == 0 ? local.Size : -1, local.Method, (local.Flags & 8) == 0 ? local.Crc32 : 0);
            }
        }
    }

    private static long WithoutDescriptor(ReadOnlySpan<byte> entry, long room) =>
        entry.LastIndexOf("PK\x07\x08"u8) is > 0 and int descriptor ? Math.Max(0, room - (entry.Length - descriptor)) : room;

    private void CheckFlags(long offset, string name, ushort flags)
    {
        if ((flags & ~KnownFlags) != 0)
        {
            fault(offset, $"the archive's entry {WeightFileException.Quote(name)} says that it is encrypted or patched (flags 0x{flags:x4}), which some readers ignore");
        }
    }

    private bool IsLocalHeader(long offset) => offset >= 0 && offset <= archive.Length - LocalHeaderBytes && Starts(offset, "PK\x03\x04"u8);

    private LocalHeader ReadLocal(long offset)
    {
        Span<byte> header = _header.AsSpan(0, (int)Math.Min(_header.Length, archive.Length - offset));
        archive.Read(offset, header);
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(header[26..]);
        int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        int all = (int)Math.Min(LocalHeaderBytes + nameLength + extraLength, archive.Length - offset);
        header = all > header.Length ? ReadAt(offset, all) : header;
        int nameEnd = Math.Min(LocalHeaderBytes + nameLength, header.Length);
        long compressed = BinaryPrimitives.ReadUInt32LittleEndian(header[18..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(header[22..]);
        long none = 0;
        ZipDirectory.ReadZip64Extra(header.Slice(nameEnd, Math.Min(extraLength, header.Length - nameEnd)), takesCutOff: true, ref size, ref compressed, ref none);
        return new LocalHeader(offset, Encoding.UTF8.GetString(header.Slice(LocalHeaderBytes, nameEnd - LocalHeaderBytes)),
            BinaryPrimitives.ReadUInt16LittleEndian(header[6..]), BinaryPrimitives.ReadUInt16LittleEndian(header[8..]), BinaryPrimitives.ReadUInt32LittleEndian(header[14..]),
            compressed, size, offset + LocalHeaderBytes + nameLength + extraLength);
    }

    private bool Starts(long offset, ReadOnlySpan<byte> signature)
    {
        Span<byte> start = stackalloc byte[4];
        archive.Read(offset, start);
        return start.SequenceEqual(signature);
    }

    private byte[] ReadAt(long offset, int length)
    {
        byte[] bytes = new byte[length];
        archive.Read(offset, bytes);
        return bytes;
    }

    private readonly record struct LocalHeader(long Offset, string Name, ushort Flags, int Method, uint Crc32, long Compressed, long Size, long Data)
    {
        /// <summary>Whether it states sizes: torch leaves them to the directory.</summary>
        public bool HasSizes => Compressed is not (0 or uint.MaxValue) && Compressed >= 0 && Size >= 0;
    }
}
