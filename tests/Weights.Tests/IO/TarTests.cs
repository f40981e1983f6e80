using System.Formats.Tar;
using System.Text;
using Weights.IO;

namespace Weights.Tests.IO;

/// <summary>The index of tar archives: those that .NET's own writer makes, and damaged ones.</summary>
public class TarTests
{
    private static readonly string s_long = $"folder/{new string('n', 120)}/{new string('m', 120)}.bin";

    [Theory]
    [InlineData(TarEntryFormat.V7)]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public void Files_are_found_by_name_in_every_kind_of_archive(TarEntryFormat format)
    {
        byte[] archive = Archive(format, ("./a.txt", "first"), ("b/c.bin", new string('x', 1000)), ("empty", ""));
        Assert.True(TarDirectory.Begins(archive));
        TarDirectory directory = TarDirectory.Read(new MemoryBytes(archive));
        Assert.Equal(["a.txt", "b/c.bin", "empty"], directory.Entries.Select(static entry => entry.Name));
        Assert.Equal("first", Text(directory.Find("a.txt")!.Contents));
        Assert.Equal(new string('x', 1000), Text(directory.Find("b/c.bin")!.Contents));
        Assert.Equal(0, directory.Find("empty")!.Contents.Length);
        Assert.Equal("first"u8, archive.AsSpan((int)directory.Find("a.txt")!.Offset, 5));
        Assert.Null(directory.Find("c.bin"));
    }

    [Theory]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public void Long_names_stand_in_a_header_of_their_own(TarEntryFormat format)
    {
        TarDirectory directory = TarDirectory.Read(new MemoryBytes(Archive(format, (s_long, "text"), ("next", "other"))));
        Assert.Equal([s_long, "next"], directory.Entries.Select(static entry => entry.Name));
        Assert.Equal("text", Text(directory.Find(s_long)!.Contents));
    }

    [Fact]
    public void A_name_of_two_parts_is_joined()
    {
        string name = $"{new string('p', 100)}/{new string('n', 90)}";
        Assert.NotNull(TarDirectory.Read(new MemoryBytes(Archive(TarEntryFormat.Ustar, (name, "text")))).Find(name));
    }

    [Fact]
    public void Folders_and_links_are_no_files_and_have_no_contents()
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            writer.WriteEntry(new UstarTarEntry(TarEntryType.Directory, "folder/"));
            writer.WriteEntry(new UstarTarEntry(TarEntryType.SymbolicLink, "link") { LinkName = "/etc/passwd" });
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "file") { DataStream = new MemoryStream([1, 2]) });
        }
        Assert.Equal("file", Assert.Single(TarDirectory.Read(new MemoryBytes(stream.ToArray())).Entries).Name);
    }

    [Fact]
    public void Of_two_files_with_one_name_the_later_counts()
    {
        TarDirectory directory = TarDirectory.Read(new MemoryBytes(Archive(TarEntryFormat.Ustar, ("a", "old"), ("b", "text"), ("a", "new"))));
        Assert.Equal("new", Text(directory.Find("a")!.Contents));
        Assert.Equal(2, directory.Entries.Count);
    }

    [Fact]
    public void A_size_beyond_eight_gigabytes_is_a_binary_number()
    {
        byte[] archive = Archive(TarEntryFormat.Gnu, ("a", "text"));
        archive.AsSpan(124, 12).Clear();
        archive[124] = 0x80;
        archive[132] = 2; // 2 << 24
        Seal(archive);
        WeightFileException error = Assert.Throws<WeightFileException>(() => TarDirectory.Read(new MemoryBytes(archive)));
        Assert.Contains("33,554,432 bytes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(124)]
    [InlineData(150)]
    [InlineData(300)]
    public void A_header_with_a_changed_byte_is_refused(int at)
    {
        byte[] archive = Archive(TarEntryFormat.Ustar, ("a", "text"), ("b", "text"));
        archive[1024 + at] ^= 1;
        WeightFileException error = Assert.Throws<WeightFileException>(() => TarDirectory.Read(new MemoryBytes(archive)));
        Assert.Equal((Fault.Corrupt, 1024L), (error.Fault, error.Offset));
    }

    [Fact]
    public void A_truncated_archive_is_refused_and_one_without_zeros_at_its_end_is_read()
    {
        byte[] archive = Archive(TarEntryFormat.Ustar, ("a", new string('x', 700)), ("b", "text"));
        long end = TarDirectory.Read(new MemoryBytes(archive)).Find("b")!.Offset + 4;
        Assert.Throws<WeightFileException>(() => TarDirectory.Read(new MemoryBytes(archive.AsMemory(0, (int)end - 1))));
        Assert.Single(TarDirectory.Read(new MemoryBytes(archive.AsMemory(0, (int)end - 1)), out WeightFileException? damage).Entries);
        Assert.Equal(Fault.Corrupt, damage?.Fault);
        Assert.Throws<WeightFileException>(() => TarDirectory.Read(new MemoryBytes(archive.AsMemory(0, 1200))));
        Assert.Equal(2, TarDirectory.Read(new MemoryBytes(archive.AsMemory(0, (int)end))).Entries.Count);
    }

    [Theory]
    [InlineData("999 path=x\n")]
    [InlineData("x path=x\n")]
    [InlineData("3 \n")]
    [InlineData("8 path?\n")]
    public void A_pax_header_that_is_no_list_of_records_is_refused(string records)
    {
        byte[] archive = Archive(TarEntryFormat.Pax, (s_long, "text"));
        archive.AsSpan(512, 512).Clear();
        Encoding.ASCII.GetBytes(records, archive.AsSpan(512));
        Assert.Equal(Fault.Corrupt, Assert.Throws<WeightFileException>(() => TarDirectory.Read(new MemoryBytes(archive))).Fault);
    }

    [Fact]
    public void A_file_with_holes_is_refused_by_name()
    {
        byte[] archive = Archive(TarEntryFormat.Pax, (s_long, "text"));
        archive.AsSpan(512, 512).Clear();
        Encoding.ASCII.GetBytes("22 GNU.sparse.major=1\n", archive.AsSpan(512));
        WeightFileException error = Assert.Throws<WeightFileException>(() => TarDirectory.Read(new MemoryBytes(archive)));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("sparse", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Neither_zeros_nor_text_begin_an_archive()
    {
        Assert.False(TarDirectory.Begins(new byte[1024]));
        Assert.False(TarDirectory.Begins(Encoding.ASCII.GetBytes(new string('a', 1024))));
        Assert.False(TarDirectory.Begins(new byte[100]));
    }

    /// <summary>Writes the checksum of the first header.</summary>
    internal static void Seal(Span<byte> archive)
    {
        Span<byte> checksum = archive.Slice(148, 8);
        checksum.Fill((byte)' ');
        int sum = 0;
        foreach (byte value in archive[..512])
        {
            sum += value;
        }
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ", checksum);
    }

    internal static byte[] Archive(TarEntryFormat format, params (string Name, string Contents)[] files)
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, format, leaveOpen: true))
        {
            foreach ((string name, string contents) in files)
            {
                MemoryStream data = new(Encoding.ASCII.GetBytes(contents));
                writer.WriteEntry(format switch
                {
                    TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name) { DataStream = data },
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = data },
                    TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = data },
                    _ => new GnuTarEntry(TarEntryType.RegularFile, name) { DataStream = data },
                });
            }
        }
        return stream.ToArray();
    }

    private static string Text(ByteSource bytes)
    {
        byte[] copy = new byte[bytes.Length];
        bytes.Read(0, copy);
        return Encoding.ASCII.GetString(copy);
    }
}
