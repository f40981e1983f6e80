using System.Buffers.Binary;
using System.Text;

namespace Weights.IO;

/// <summary>An entry of a zip archive, as its directory describes it.</summary>
public sealed class ZipEntry
{
    private const ushort Stored = 0;
    private const ushort Deflated = 8;
    private const int LocalHeaderBytes = 30;
    private const uint LocalHeaderSignature = 0x04034B50;

    private readonly ByteSource _archive;
    private readonly int _nameBytes;
    private readonly ushort _flags;

    internal ZipEntry(ByteSource archive, string name, int nameBytes, ushort flags, ushort method, uint crc32, long compressedSize, long size, long offset)
    {
        (_archive, Name, _nameBytes, _flags, Method, Crc32, CompressedSize, Size, Offset) = (archive, name, nameBytes, flags, method, crc32 == 0 ? null : crc32, compressedSize, size, offset);
    }

    /// <summary>Name within the archive, folders separated by <c>/</c>.</summary>
    public string Name { get; }

    /// <summary>Compression method: 0 stored, 8 deflated, others are not read.</summary>
    public int Method { get; }

    /// <summary>
    /// CRC-32 of the contents, or null where none was taken: <c>torch.save</c> can be told not to, and then writes 0.
    /// </summary>
    public uint? Crc32 { get; }

    /// <summary>Bytes in the archive.</summary>
    public long CompressedSize { get; }

    /// <summary>Bytes of the contents.</summary>
    public long Size { get; }

    /// <summary>Where the entry's local header stands in the archive.</summary>
    public long Offset { get; }

    /// <summary>The contents, read on demand; deflated ones are inflated on the way.</summary>
    /// <param name="owner">Closes what had to be opened for it.</param>
    /// <exception cref="WeightFileException">The entry is encrypted, compressed in another way, or not where the directory says.</exception>
    public ByteSource Open(Input owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if ((_flags & 1) != 0)
        {
            throw Refused(Fault.Unsupported, "is encrypted; extract it with its password and pack it again without");
        }
        ByteSource bytes = _archive.Slice(DataOffset(), CompressedSize);
        return Method switch
        {
            Stored when CompressedSize == Size => new Contents(bytes, Crc32),
            Stored => throw Refused(Fault.Corrupt, $"is stored in {CompressedSize} bytes but said to have {Size}"),
            Deflated => owner.Own(new InflatedBytes(bytes, Size, Crc32, $"archive entry {WeightFileException.Quote(Name)}", Offset)),
            _ => throw Refused(Fault.Unsupported, $"is compressed with method {Method}; only stored and deflated entries are read, so pack the archive again without compression"),
        };
    }

    /// <summary>The contents, all of them, checked against their CRC-32.</summary>
    /// <param name="owner">Closes what had to be opened for it.</param>
    /// <param name="limit">Most bytes that the caller is ready to hold.</param>
    public byte[] ReadAll(Input owner, int limit)
    {
        ByteSource contents = Open(owner);
        if (contents.Length > limit)
        {
            throw Refused(Fault.Unsupported, $"has {contents.Length:N0} bytes, more than the {limit:N0} that are read into memory");
        }
        // A deflated entry may claim any size; its buffer grows with what is really there.
        using MemoryStream all = new((int)Math.Min(contents.Length, 4 * Math.Max(CompressedSize, 1024)));
        contents.ReadChunks(new byte[(int)Math.Clamp(contents.Length, 1, 1 << 16)], (_, chunk) => all.Write(chunk));
        byte[] bytes = all.ToArray();
        uint found = Crc32Value.Of(bytes);
        return Crc32 is null || found == Crc32
            ? bytes
            : throw Refused(Fault.Corrupt, $"has the CRC-32 {found:x8}, but {Crc32:x8} was recorded when it was written: the file is damaged; get a fresh copy");
    }

    private long DataOffset()
    {
        // Header and name in one read: an archive of 100,000 storages is opened with as many.
        byte[] header = new byte[LocalHeaderBytes + _nameBytes];
        if (Offset > _archive.Length - header.Length)
        {
            throw Refused(Fault.Corrupt, "lies beyond the end of the file, which is truncated or damaged; get a fresh copy");
        }
        _archive.Read(Offset, header);
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(26));
        int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(28));
        long data = Offset + LocalHeaderBytes + nameLength + extraLength;
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalHeaderSignature || data > _archive.Length || CompressedSize > _archive.Length - data)
        {
            throw Refused(Fault.Corrupt, "is not where the archive's directory says, or is cut off; get a fresh copy");
        }
        return nameLength == _nameBytes && Encoding.UTF8.GetString(header.AsSpan(LocalHeaderBytes)) == Name
            ? data
            : throw Refused(Fault.Corrupt, "has another name in its own header than in the archive's directory");
    }

    private WeightFileException Refused(Fault fault, string reason) =>
        new(fault, $"archive entry {WeightFileException.Quote(Name)} {reason}", offset: Offset);

    private sealed class Contents(ByteSource bytes, uint? crc32) : ByteSource
    {
        public override long Length => bytes.Length;

        public override uint? Crc32 => crc32;

        protected override void ReadCore(long offset, Span<byte> destination) => bytes.Read(offset, destination);

        protected override ByteSource SliceCore(long offset, long length) => bytes.Slice(offset, length);
    }
}
