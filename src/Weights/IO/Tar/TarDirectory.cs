using System.Globalization;
using System.Text;

namespace Weights.IO;

/// <summary>
/// The files of a tar archive: for each <c>header of 512 bytes | contents | zeros up to a multiple of 512</c>, then two blocks of zeros.
/// A header of pax or GNU may stand before a file's own and say its name and size where they do not fit.
/// <see href="https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html"/>
/// </summary>
/// <remarks>Reads headers and no contents, so a large archive is opened with one small read for each file in it.</remarks>
public sealed class TarDirectory
{
    private const int BlockBytes = 512;

    // Names are at most some thousand bytes long; pax headers hold a few more facts.
    private const int LongestExtension = 1 << 20;

    // Headers have half a kilobyte, so an archive of a gigabyte could have two million; those of weights have dozens.
    private const int MostHeaders = 1 << 20;

    // One for all of GNU's keys of files with holes.
    private const string SparseKey = "GNU.sparse";

    private readonly ByteSource _file;
    private readonly OrderedDictionary<string, TarEntry> _byName = new(StringComparer.Ordinal);
    private readonly byte[] _block = new byte[BlockBytes];
    private Dictionary<string, string> _everywhere = []; // What a global pax header says of all files after it.
    private Dictionary<string, string> _next = []; // What is said of the next file.

    private TarDirectory(ByteSource file) => _file = file;

    /// <summary>Files in the order of the archive. Of two with one name the later counts, as when it is unpacked.</summary>
    public IReadOnlyList<TarEntry> Entries => [.. _byName.Values];

    /// <summary>The file of that name, or null.</summary>
    public TarEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Whether a file begins as a tar archive does: with a header whose checksum is right.</summary>
    public static bool Begins(ReadOnlySpan<byte> head) => head.Length >= BlockBytes && IsHeader(head[..BlockBytes]);

    /// <summary>Reads the headers.</summary>
    /// <exception cref="WeightFileException">One is damaged, or the archive is truncated.</exception>
    public static TarDirectory Read(ByteSource file)
    {
        TarDirectory directory = Read(file, out WeightFileException? damage);
        return damage is null ? directory : throw damage;
    }

    /// <summary>As <see cref="Read(ByteSource)"/>, up to where the archive is damaged, if it is.</summary>
    public static TarDirectory Read(ByteSource file, out WeightFileException? damage)
    {
        ArgumentNullException.ThrowIfNull(file);
        TarDirectory directory = new(file);
        damage = null;
        try
        {
            directory.Read();
        }
        catch (WeightFileException error)
        {
            damage = error;
        }
        return directory;
    }

    private void Read()
    {
        long at = 0;
        for (int headers = 0; at < _file.Length; headers++)
        {
            if (headers >= MostHeaders)
            {
                throw new WeightFileException(Fault.Unsupported, $"the tar archive has more than {MostHeaders:N0} headers", offset: at);
            }
            if (_file.Length - at < BlockBytes)
            {
                throw new WeightFileException(Fault.Corrupt, "the tar archive ends within a header: the file is truncated; get a fresh copy", offset: at);
            }
            _file.Read(at, _block);
            if (_block.AsSpan().IndexOfAnyExcept((byte)0) < 0)
            {
                return;
            }
            if (!IsHeader(_block))
            {
                throw new WeightFileException(Fault.Corrupt, "the tar archive has a header whose checksum is wrong: it is damaged; get a fresh copy", offset: at);
            }
            at = ReadMember(at);
        }
    }

    /// <summary>Takes in what the header in the block says, and returns where the next one is.</summary>
    private long ReadMember(long at)
    {
        char type = (char)_block[156];
        long size = Number(_block.AsSpan(124, 12), at);
        bool isExtension = type is 'x' or 'g' or 'L' or 'K' or 'X';
        if (!isExtension && Said("size") is { } text)
        {
            size = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long said) ? said : -1;
        }
        // Links, devices and folders have no contents, whatever their size says.
        bool hasContents = type is not ('1' or '2' or '3' or '4' or '5' or '6');
        long data = at + BlockBytes;
        long stored = hasContents ? size : 0;
        if (size < 0 || stored > _file.Length - data)
        {
            throw new WeightFileException(Fault.Corrupt, $"the tar archive's member {WeightFileException.Quote(NameOf(_block))} is said to have {size:N0} bytes where {_file.Length - data:N0} remain: the file is truncated or damaged; get a fresh copy", offset: at);
        }
        if (isExtension)
        {
            ReadExtension(type, data, size, at);
        }
        else
        {
            if (hasContents)
            {
                Add(at, data, size, type);
            }
            _next = [];
        }
        // The last contents may lack their padding.
        return data + Math.Min(stored + ((BlockBytes - (stored % BlockBytes)) % BlockBytes), _file.Length - data);
    }

    private void Add(long at, long data, long size, char type)
    {
        string name = Plain(Said("path") ?? NameOf(_block));
        if (type == 'S' || Said(SparseKey) is not null)
        {
            throw new WeightFileException(Fault.Unsupported, $"the tar archive's member {WeightFileException.Quote(name)} is stored as a sparse file; unpack it and pack it again without --sparse", offset: at);
        }
        _byName[name] = new TarEntry(name, data, _file.Slice(data, size));
    }

    private void ReadExtension(char type, long data, long size, long at)
    {
        if (size > LongestExtension)
        {
            throw new WeightFileException(Fault.Unsupported, $"the tar archive has a header of {size:N0} bytes before a member; at most {LongestExtension:N0} are read", offset: at);
        }
        byte[] contents = new byte[size];
        _file.Read(data, contents);
        switch (type)
        {
            case 'L':
                _next["path"] = Text(contents);
                break;
            case 'g':
                _everywhere = Records(contents, _everywhere, at);
                break;
            case 'x' or 'X':
                _next = Records(contents, _next, at);
                break;
        }
    }

    // "LENGTH KEY=VALUE\n", the length in decimal being that of all of it.
    private static Dictionary<string, string> Records(ReadOnlySpan<byte> contents, Dictionary<string, string> known, long at)
    {
        Dictionary<string, string> records = new(known);
        while (!contents.TrimEnd((byte)0).IsEmpty)
        {
            int space = contents.IndexOf((byte)' ');
            if (space < 1 || !int.TryParse(contents[..space], NumberStyles.None, CultureInfo.InvariantCulture, out int length) || length <= space + 1 || length > contents.Length
                || contents[(space + 1)..length].IndexOf((byte)'=') is var equals && equals < 1)
            {
                throw new WeightFileException(Fault.Corrupt, "the tar archive has a pax header that is no list of keys and values; it is damaged", offset: at);
            }
            ReadOnlySpan<byte> record = contents[(space + 1)..length].TrimEnd((byte)'\n');
            // Nothing else is kept: an archive may say as much as it likes again and again.
            ReadOnlySpan<byte> key = record[..equals];
            if (key.SequenceEqual("path"u8) || key.SequenceEqual("size"u8) || key.StartsWith("GNU.sparse."u8))
            {
                records[key.StartsWith("G"u8) ? SparseKey : Encoding.UTF8.GetString(key)] = Encoding.UTF8.GetString(record[(equals + 1)..]);
            }
            contents = contents[length..];
        }
        return records;
    }

    private string? Said(string key) => _next.GetValueOrDefault(key) ?? _everywhere.GetValueOrDefault(key);

    // name[100] … magic[6] version[2] … prefix[155]; GNU's own magic, "ustar  ", has no prefix.
    private static string NameOf(ReadOnlySpan<byte> header)
    {
        string name = Text(header[..100]);
        string prefix = header[257..].StartsWith("ustar\0"u8) ? Text(header.Slice(345, 155)) : "";
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    private static string Plain(string name) => name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;

    private static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    // Octal digits, or beyond 8 GB a number of 95 bits with the top bit of the first byte set.
    private static long Number(ReadOnlySpan<byte> field, long at)
    {
        if ((field[0] & 0x80) != 0)
        {
            Int128 number = field[0] & 0x7F;
            foreach (byte part in field[1..])
            {
                number = (number << 8) | part;
            }
            return number <= long.MaxValue ? (long)number : -1;
        }
        return Octal(field) ?? throw new WeightFileException(Fault.Corrupt, "the tar archive has a header with a size that is no number; it is damaged", offset: at);
    }

    /// <summary>A number in octal digits, 0 where there are none; null when it is none.</summary>
    internal static long? Octal(ReadOnlySpan<byte> field)
    {
        long number = 0;
        foreach (byte digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                return null;
            }
            number = (number * 8) + digit - '0';
        }
        return number;
    }

    private static bool IsHeader(ReadOnlySpan<byte> header) => header[0] != 0 && HasChecksum(header);

    /// <summary>
    /// Whether a block has the sum of all its bytes, those of the checksum being taken for spaces; some old programs summed them with a sign.
    /// A name it need not have.
    /// </summary>
    internal static bool HasChecksum(ReadOnlySpan<byte> header)
    {
        const int at = 148, bytes = 8;
        if (Octal(header.Slice(at, bytes)) is not { } stated)
        {
            return false;
        }
        (int sum, int signed) = (bytes * ' ', bytes * ' ');
        for (int index = 0; index < header.Length; index++)
        {
            if (index is < at or >= at + bytes)
            {
                sum += header[index];
                signed += unchecked((sbyte)header[index]);
            }
        }
        return stated == sum || stated == signed;
    }
}
