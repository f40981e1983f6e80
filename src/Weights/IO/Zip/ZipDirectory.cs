using System.Buffers.Binary;
using System.Text;

namespace Weights.IO;

/// <summary>
/// The directory of a zip archive: <c>[local header | contents | descriptor]… | central directory | [zip64 record | locator] | end record</c>.
/// <see href="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT"/>
/// </summary>
/// <remarks>
/// Reads positions and checks what .NET's own reader does not: where an entry's bytes lie, that entries neither share a name nor overlap,
/// and (on reading) their checksums.
/// </remarks>
public sealed class ZipDirectory
{
    private const int EndBytes = 22;
    private const int Zip64LocatorBytes = 20;
    private const int Zip64EndBytes = 56;
    private const int HeaderBytes = 46;
    private const int LongestComment = ushort.MaxValue;

    // Two million entries with names of the usual length; checkpoints of a trillion parameters stay below 100,000.
    private const long LargestDirectory = 256L << 20;

    private readonly Dictionary<string, ZipEntry> _byName;

    private ZipDirectory(List<ZipEntry> entries, Dictionary<string, ZipEntry> byName) => (Entries, _byName) = (entries, byName);

    /// <summary>Entries in the directory's order.</summary>
    public IReadOnlyList<ZipEntry> Entries { get; }

    /// <summary>The entry of that name, or null.</summary>
    public ZipEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Whether the file begins as a zip archive does: with a local header, or the end record of an empty one.</summary>
    public static bool Begins(ReadOnlySpan<byte> head) => head.StartsWith("PK\x03\x04"u8) || head.StartsWith("PK\x05\x06"u8);

    /// <summary>Reads the directory.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: there is none (the usual sign of a truncated download), or it is damaged.</exception>
    public static ZipDirectory Read(ByteSource file)
    {
        ArgumentNullException.ThrowIfNull(file);
        (long start, long size, long count) = FindDirectory(file);
        if (size > LargestDirectory)
        {
            throw Refused(Fault.Unsupported, $"the archive's directory has {size:N0} bytes, more than the {LargestDirectory:N0} that are read", start);
        }
        byte[] directory = new byte[size];
        file.Read(start, directory);
        List<ZipEntry> entries = [];
        Dictionary<string, ZipEntry> byName = new(StringComparer.Ordinal);
        int position = 0;
        while (position < directory.Length)
        {
            ZipEntry entry = ReadEntry(file, directory, ref position, start);
            if (!byName.TryAdd(entry.Name, entry))
            {
                throw Refused(Fault.Corrupt, $"the archive has two entries named {WeightFileException.Quote(entry.Name)}, of which different readers take different ones", entry.Offset);
            }
            entries.Add(entry);
        }
        if (entries.Count != count)
        {
            throw Refused(Fault.Corrupt, $"the archive's directory has {entries.Count} entries but says {count}", start);
        }
        CheckOverlap(entries, start);
        return new ZipDirectory(entries, byName);
    }

    /// <summary>Whether a file ends with the record that ends an archive, and a comment of any length.</summary>
    public static bool Ends(ByteSource file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return FindEnd(file).At >= 0;
    }

    // The last bytes, and where in them the last record stands; negative where there is no whole one.
    private static (byte[] Tail, int At) FindEnd(ByteSource file)
    {
        byte[] tail = new byte[Math.Min(file.Length, EndBytes + LongestComment)];
        file.Read(file.Length - tail.Length, tail);
        int found = tail.AsSpan().LastIndexOf("PK\x05\x06"u8);
        return (tail, found <= tail.Length - EndBytes ? found : -1);
    }

    private static (long Start, long Size, long Count) FindDirectory(ByteSource file)
    {
        (byte[] tail, int found) = FindEnd(file);
        if (found < 0)
        {
            throw Refused(Fault.Corrupt, $"the zip archive has no directory at its end: the file is truncated after {file.Length:N0} bytes; download it again", file.Length);
        }
        ReadOnlySpan<byte> end = tail.AsSpan(found);
        long endOffset = file.Length - tail.Length + found;
        long count = BinaryPrimitives.ReadUInt16LittleEndian(end[10..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]);
        long start = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        if (ReadZip64(file, endOffset) is { } zip64)
        {
            (start, size, count) = zip64;
        }
        return start < 0 || size < 0 || start > endOffset || size > endOffset - start
            ? throw Refused(Fault.Corrupt, $"the archive's directory is said to be {size:N0} bytes at {start:N0}, which is not inside the file; it is damaged or something was put before it", endOffset)
            : (start, size, count);
    }

    private static (long Start, long Size, long Count)? ReadZip64(ByteSource file, long endOffset)
    {
        if (endOffset < Zip64LocatorBytes + Zip64EndBytes)
        {
            return null;
        }
        Span<byte> locator = stackalloc byte[Zip64LocatorBytes];
        file.Read(endOffset - Zip64LocatorBytes, locator);
        if (!locator.StartsWith("PK\x06\x07"u8))
        {
            return null;
        }
        long offset = BinaryPrimitives.ReadInt64LittleEndian(locator[8..]);
        Span<byte> record = stackalloc byte[Zip64EndBytes];
        if (offset < 0 || offset > endOffset - Zip64LocatorBytes - Zip64EndBytes)
        {
            throw Refused(Fault.Corrupt, $"the archive's zip64 record is said to be at {offset:N0}, which is not inside the file", endOffset);
        }
        file.Read(offset, record);
        return record.StartsWith("PK\x06\x06"u8)
            ? (BinaryPrimitives.ReadInt64LittleEndian(record[48..]), BinaryPrimitives.ReadInt64LittleEndian(record[40..]), BinaryPrimitives.ReadInt64LittleEndian(record[32..]))
            : throw Refused(Fault.Corrupt, "the archive's zip64 record is not where its locator says", offset);
    }

    private static ZipEntry ReadEntry(ByteSource file, ReadOnlySpan<byte> directory, ref int position, long start)
    {
        ReadOnlySpan<byte> header = directory[position..];
        if (header.Length < HeaderBytes || !header.StartsWith("PK\x01\x02"u8))
        {
            throw Refused(Fault.Corrupt, "the archive's directory is damaged: no entry where the next one should begin", start + position);
        }
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(header[30..]);
        int commentLength = BinaryPrimitives.ReadUInt16LittleEndian(header[32..]);
        int total = HeaderBytes + nameLength + extraLength + commentLength;
        if (total > header.Length)
        {
            throw Refused(Fault.Corrupt, "the archive's directory is damaged: an entry reaches beyond its end", start + position);
        }
        string name = Encoding.UTF8.GetString(header.Slice(HeaderBytes, nameLength));
        long compressed = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(header[24..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(header[42..]);
        ReadZip64Extra(header.Slice(HeaderBytes + nameLength, extraLength), takesCutOff: false, ref size, ref compressed, ref offset);
        if (size < 0 || compressed < 0 || offset < 0 || offset >= start)
        {
            throw Refused(Fault.Corrupt, $"the archive's entry {WeightFileException.Quote(name)} has a size or place that is not inside the file", start + position);
        }
        position += total;
        return new ZipEntry(file, name, nameLength, BinaryPrimitives.ReadUInt16LittleEndian(header[8..]), BinaryPrimitives.ReadUInt16LittleEndian(header[10..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[16..]), compressed, size, offset);
    }

    /// <summary>Extra field 1: 64-bit values, in this order, of just those fields that are saturated in the header.</summary>
    /// <param name="extra">All extra fields.</param>
    /// <param name="takesCutOff">Whether a field that is cut off counts as far as it goes; else it is none.</param>
    /// <param name="size">Bytes of the contents.</param>
    /// <param name="compressed">Bytes of the contents as stored.</param>
    /// <param name="offset">Where the entry begins.</param>
    internal static void ReadZip64Extra(ReadOnlySpan<byte> extra, bool takesCutOff, ref long size, ref long compressed, ref long offset)
    {
        while (extra.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (length > extra.Length - 4)
            {
                if (!takesCutOff)
                {
                    return;
                }
                length = extra.Length - 4;
            }
            if (BinaryPrimitives.ReadUInt16LittleEndian(extra) == 1)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, length);
                Saturated(ref size, ref values);
                Saturated(ref compressed, ref values);
                Saturated(ref offset, ref values);
                return;
            }
            extra = extra[(4 + length)..];
        }
    }

    private static void Saturated(ref long value, ref ReadOnlySpan<byte> values)
    {
        if (value == uint.MaxValue && values.Length >= 8)
        {
            value = BinaryPrimitives.ReadInt64LittleEndian(values);
            values = values[8..];
        }
    }

    // Entries that share bytes are how a small archive claims to hold petabytes.
    private static void CheckOverlap(List<ZipEntry> entries, long directory)
    {
        const int localHeaderBytes = 30;
        ZipEntry[] inPlace = [.. entries.OrderBy(static entry => entry.Offset)];
        for (int index = 0; index < inPlace.Length; index++)
        {
            ZipEntry entry = inPlace[index];
            long next = index + 1 < inPlace.Length ? inPlace[index + 1].Offset : directory;
            if (entry.CompressedSize > next - entry.Offset - localHeaderBytes)
            {
                throw Refused(Fault.Corrupt, $"the archive's entry {WeightFileException.Quote(entry.Name)} overlaps what follows it; the archive is damaged or made to deceive", entry.Offset);
            }
        }
    }

    private static WeightFileException Refused(Fault fault, string reason, long offset) => new(fault, reason, offset: offset);
}
