using System.IO.Compression;
using Weights.IO;

namespace Weights.Tests.IO;

public class ZipTests
{
    private static readonly string[] s_names = ["archive/data.pkl", "archive/données/0", "archive/empty", "z"];

    [Fact]
    public void An_independent_reader_finds_every_entry_of_a_written_archive()
    {
        using TemporaryFolder folder = new();
        Write(folder.File("a.zip"));
        using ZipArchive archive = ZipFile.OpenRead(folder.File("a.zip"));
        Assert.Equal(s_names, archive.Entries.Select(static entry => entry.FullName));
        for (int index = 0; index < s_names.Length; index++)
        {
            using MemoryStream contents = new();
            using Stream stream = archive.Entries[index].Open();
            stream.CopyTo(contents);
            Assert.Equal(Contents(index), contents.ToArray());
            Assert.Equal(System.IO.Hashing.Crc32.HashToUInt32(Contents(index)), archive.Entries[index].Crc32);
        }
    }

    [Fact]
    public void Contents_begin_at_multiples_of_the_alignment_and_the_same_bytes_come_out_each_time()
    {
        using TemporaryFolder folder = new();
        Write(folder.File("a.zip"));
        Write(folder.File("b.zip"));
        byte[] archive = File.ReadAllBytes(folder.File("a.zip"));
        Assert.Equal(archive, File.ReadAllBytes(folder.File("b.zip")));
        for (int index = 0; index < s_names.Length; index++)
        {
            int at = archive.AsSpan().IndexOf(Contents(index));
            Assert.True(Contents(index).Length == 0 || at % 64 == 0, $"{s_names[index]} begins at {at}");
        }
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void Archives_of_an_independent_writer_are_read(CompressionLevel level)
    {
        using MemoryInput input = new("a.zip", Independent(level));
        ZipDirectory directory = ZipDirectory.Read(input.Bytes);
        Assert.Equal(s_names, directory.Entries.Select(static entry => entry.Name));
        for (int index = 0; index < s_names.Length; index++)
        {
            ByteSource contents = directory.Find(s_names[index])!.Open(input);
            byte[] tail = new byte[contents.Length / 2];
            contents.Read(contents.Length - tail.Length, tail);
            Assert.Equal(Contents(index)[^tail.Length..], tail);
            byte[] all = new byte[contents.Length];
            contents.Read(0, all); // Backwards: a deflated entry goes to its temporary file.
            Assert.Equal(Contents(index), all);
            Assert.Equal(Contents(index), directory.Entries[index].ReadAll(input, 1 << 20));
        }
    }

    [Fact]
    public void Every_truncation_and_every_changed_byte_is_read_or_refused_in_words()
    {
        byte[] whole = Independent(CompressionLevel.Optimal)[..];
        for (int length = 0; length < whole.Length; length += 97)
        {
            Assert.IsType<WeightFileException>(Record(whole[..length]));
        }
        for (int index = 0; index < whole.Length; index += index < whole.Length - 1000 ? 31 : 1)
        {
            byte[] changed = [.. whole];
            changed[index] ^= 0x55;
            Assert.True(Record(changed) is null or WeightFileException);
        }
    }

    [Fact]
    public void A_changed_byte_in_the_contents_is_found_by_its_checksum()
    {
        byte[] archive = Independent(CompressionLevel.NoCompression);
        int at = archive.AsSpan().IndexOf(Contents(1));
        archive[at + 5] ^= 1;
        WeightFileException error = Assert.IsType<WeightFileException>(Record(archive));
        Assert.Contains("CRC-32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_archive_says_so()
    {
        byte[] archive = Independent(CompressionLevel.NoCompression);
        WeightFileException error = Assert.IsType<WeightFileException>(Record(archive[..(archive.Length / 2)]));
        Assert.Equal(Fault.Corrupt, error.Fault);
        Assert.Contains("truncated", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_may_not_claim_to_inflate_beyond_what_deflate_can_do()
    {
        byte[] archive = Independent(CompressionLevel.Optimal);
        int header = archive.AsSpan().IndexOf("PK\x01\x02"u8);
        "\xFF\xFF\xFF\x7F"u8.CopyTo(archive.AsSpan(header + 24));
        Assert.IsType<WeightFileException>(Record(archive));
    }

    private static byte[] Contents(int index)
    {
        byte[] bytes = new byte[index switch { 0 => 300, 1 => 150_000, 2 => 0, _ => 7 }];
        new Random(index).NextBytes(bytes.AsSpan(bytes.Length / 2));
        return bytes;
    }

    private static void Write(string path)
    {
        ZipLayout zip = new(64);
        for (int index = 0; index < s_names.Length; index++)
        {
            zip.Add(s_names[index], new MemoryBytes(Contents(index)));
        }
        using Output output = new(path, replace: false);
        output.Write([zip.ToFile(output.FileName)]);
        output.Commit();
    }

    private static byte[] Independent(CompressionLevel level)
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (int index = 0; index < s_names.Length; index++)
            {
                using Stream entry = archive.CreateEntry(s_names[index], level).Open();
                entry.Write(Contents(index));
            }
        }
        return stream.ToArray();
    }

    private static Exception? Record(byte[] archive) => Xunit.Record.Exception(() =>
    {
        using MemoryInput input = new("a.zip", archive);
        foreach (ZipEntry entry in ZipDirectory.Read(input.Bytes).Entries)
        {
            _ = entry.ReadAll(input, 1 << 24);
        }
    });
}
