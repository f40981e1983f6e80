using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using Weights.IO;
using Weights.Scanning;
using Weights.Tests.Pickle;

namespace Weights.Tests.Scanning;

/// <summary>Files made to cost more than they weigh. Each must end soon and allocate in proportion to its own length; none is clean.</summary>
public class ScanAttackTests
{
    // A tenth of this on an idle machine; the tests run beside others.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(10);

    private const int Megabyte = 1 << 20;

    public static TheoryData<string, long> Attacks() => new()
    {
        // What, and how many bytes it may allocate for each byte of its own beyond the first eight megabytes: half as much again as it does.
        { "names", 2 },
        { "names that differ", 10 },
        { "calls of calls", 71 },
        { "pickles of two bytes", 1 },
        { "names in pickles of six bytes", 18 },
        { "lines without end", 1 },
        { "one state for many objects", 17 },
        { "one nested file loaded often", 38 },
        { "nested files", 1 },
        { "many entries", 7 },
        { "many broken entries", 19 },
        { "entries that overlap", 5 },
        { "entries that inflate", 241 }, // Of which 32 MB inflate, whatever it weighs.
        { "names of thousands of parts", 1 },
        { "beginnings of entries", 1 },
        { "tiny nested files", 54 },
        { "extensions that differ", 67 },
        { "computed names", 6 },
        { "called names", 12 },
        { "called names that differ", 25 },
        { "calls", 30 },
        { "calls with text", 21 },
        { "calls with many arguments", 7 },
        { "encoded text", 27 },
        { "encoded text that is loaded", 55 },
        { "instances", 30 },
        { "instances with state", 34 },
        { "instances of protocol 0", 36 },
        { "attributes", 27 },
        { "attributes that differ", 50 },
        { "partial functions", 34 },
        { "persistent ids", 44 },
        { "calls within persistent ids", 48 },
        { "lists of lists", 17 },
        { "dicts of dicts", 20 },
        { "sets", 32 },
        { "tuples", 23 },
        { "state dicts", 7 },
        { "floats in digits", 29 },
        { "text beyond ASCII", 8 },
        { "numbered values", 8 },
        { "values numbered out of order", 22 },
        { "values numbered after a break", 1 },
        { "nested files that are nothing", 55 },
        { "broken nested files", 43 },
        { "unique entries", 17 },
        { "deflated entries", 121 },
        { "tar members", 2 },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public void An_attack_ends_soon_and_allocates_little(string attack, long bytesPerByte)
    {
        byte[] file = Make(attack);
        Assert.InRange(file.Length, 1, 3 * Megabyte);
        Stopwatch watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        ScanReport report = Scan.Of(new MemoryInput("file.pt", file), new ScanOptions { Allows = static _ => true });
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 0, (8 * Megabyte) + (bytesPerByte * file.Length));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, s_longest);
        Assert.NotEqual(ScanResult.Clean, report.Result);
        Assert.InRange(report.Findings.Count, 0, 10_010);
        Assert.InRange(report.Faults.Count, 0, 1000);
    }

    [Fact]
    public void Many_small_entries_in_any_order_are_read_through_few_windows()
    {
        byte[] file = Zip(5000, static _ => "cos\nsystem\n."u8.ToArray(), CompressionLevel.NoCompression);
        using CountedInput input = new(file);
        ScanReport report = Scan.Of(input, new ScanOptions());
        Assert.Equal(5000, report.StreamCount);
        Assert.Equal(5000, Assert.Single(report.Findings).Count);
        Assert.InRange(input.Reads, 1, (file.Length / (1 << 14)) + 20);
    }

    [Theory]
    [InlineData("K\u0001K\u0002\u0086\u0094", 1_000_000)] // [(1, 2), …]
    [InlineData("]\u0094(K\u0001K\u0002e", 900_000)] // [[1, 2], …]
    [InlineData("}\u0094(K\u0001]\u0094(K\u0002K\u0003eK\u0004G\u003F\u00F0\0\0\0\0\0\0u", 300_000)] // [{1: [2, 3], 4: 1.0}, …]
    public void Plain_data_as_dense_as_Python_writes_it_is_clean(string item, int count)
    {
        const int group = 1000;
        byte[] items = new PickleBuilder().Op($"({string.Concat(Enumerable.Repeat(item, group))}e").Stop()[..^1];
        using MemoryStream pickle = new();
        pickle.Write([0x80, 4, (byte)']', 0x94]);
        for (int index = 0; index < count; index += group)
        {
            pickle.Write(items);
        }
        pickle.Write("."u8);
        ScanReport report = Scan.Of(new MemoryInput("file.pkl", pickle.ToArray()));
        Assert.Empty(report.Faults);
        Assert.Equal(ScanResult.Clean, report.Result);
    }

    [Fact]
    public void What_executes_code_is_found_behind_a_million_other_values()
    {
        // The values take more memory than is granted: the rest is searched for names.
        byte[] pickle = [.. Repeat("C\x01xa", 1_000_000, "]")[..^2], .. "cos\nsystem\n0N."u8];
        ScanReport report = Scan.Of(new MemoryInput("file.pkl", pickle));
        Assert.Equal(ScanResult.Executes, report.Result);
        Assert.Equal("os.system", report.Findings[0].Name);
        Assert.NotEmpty(report.Faults);
    }

    [Fact]
    public void Names_that_differ_are_all_counted_and_the_last_still_judged()
    {
        const int names = 200_000;
        byte[] pickle = [.. "N"u8, .. Enumerable.Range(0, names).SelectMany(static index => System.Text.Encoding.ASCII.GetBytes($"0cm{index:x5}\nn\n")), .. "0cos\nsystem\n0N."u8];
        ScanReport report = Scan.Of(new MemoryInput("file.pkl", pickle), new ScanOptions { Allows = static _ => true });
        Assert.Equal(ScanResult.Executes, report.Result);
        Assert.Equal(names + 1, report.Findings.Sum(static finding => finding.Count));
        Assert.Empty(report.Faults);
    }

    [Fact]
    public void What_is_deflated_is_no_more_work_than_what_is_stored()
    {
        // 20 MB of names, no two the same, in a file of a tenth of that.
        byte[] file = Zip(1, static _ => [.. "N"u8, .. Enumerable.Range(0, 2_000_000).SelectMany(static index => System.Text.Encoding.ASCII.GetBytes($"0cm{index:x6}\n\n")), .. "."u8], CompressionLevel.Fastest);
        ScanReport report = Scan.Of(new MemoryInput("file.zip", file), new ScanOptions { Allows = static _ => true });
        Assert.NotEqual(ScanResult.Clean, report.Result);
        Assert.Contains(report.Faults, static fault => fault.Reason.Contains("more work", StringComparison.Ordinal));
        Assert.InRange(report.Findings.Sum(static finding => (long)finding.Count), 100_000, 1_000_000);
    }

    [Fact]
    public void A_report_is_no_longer_for_names_that_are_long()
    {
        string entry = new('x', 60_000);
        byte[] pickle = [.. Enumerable.Range(0, 3000).SelectMany(static index => System.Text.Encoding.ASCII.GetBytes($"c{new string('m', 3000)}{index:x4}\nn\n)R0")), .. "N."u8];
        using MemoryStream file = new();
        using (ZipArchive archive = new(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream contents = archive.CreateEntry($"{entry}.pkl", CompressionLevel.Fastest).Open();
            contents.Write(pickle);
        }
        ScanReport report = Scan.Of(new MemoryInput("file.zip", file.ToArray()));
        Assert.Equal(ScanResult.Unknown, report.Result);
        Assert.Equal(3000, report.Findings.Sum(static finding => finding.Count));
        Assert.InRange(report.Findings.Sum(static finding => (long)finding.Name.Length), 1, (2 << 20) + 10_000);
        Assert.InRange(report.Findings.SelectMany(static finding => finding.Places).Sum(static place => place.Stream.Length + (place.Call?.Length ?? 0L)), 1, (4 << 20) + 10_000);
    }

    private sealed class CountedInput(byte[] file) : Input("file.pt")
    {
        private readonly CountedBytes _bytes = new(file);

        public override ByteSource Bytes => _bytes;

        public int Reads => _bytes.Reads;

        protected override Input? OpenSiblingCore(string name) => null;
    }

    private sealed class CountedBytes(byte[] file) : ByteSource
    {
        public override long Length => file.Length;

        public int Reads { get; private set; }

        protected override void ReadCore(long offset, Span<byte> destination)
        {
            Reads++;
            file.AsSpan((int)offset, destination.Length).CopyTo(destination);
        }
    }

    private static byte[] Make(string attack)
    {
        const int count = 2 * Megabyte;
        return attack switch
        {
            "names" => Repeat("cos\nsystem\n0", count / 12),
            "names that differ" => [.. "N0"u8, .. Enumerable.Range(0, count / 12).SelectMany(static index => System.Text.Encoding.ASCII.GetBytes($"cm{index:x5}\nn\n0")), .. "N."u8],
            "calls of calls" => Repeat(")R", count / 2, "ca\nb\n"),
            "pickles of two bytes" => [.. Enumerable.Repeat("N."u8.ToArray(), count / 2).SelectMany(static pickle => pickle)],
            "names in pickles of six bytes" => [.. Enumerable.Repeat("ca\nb\n."u8.ToArray(), count / 6).SelectMany(static pickle => pickle)],
            "lines without end" => [.. "cos\nsystem\n0"u8, .. Enumerable.Repeat((byte)'c', count)],
            "one state for many objects" => ManyStates(count),
            "one nested file loaded often" => LoadedOften(count),
            "nested files" => Nested(),
            "many entries" => Zip(15_000, static _ => "cos\nsystem\n."u8.ToArray(), CompressionLevel.NoCompression),
            "many broken entries" => Zip(15_000, static _ => "cos\nsystem\nR"u8.ToArray(), CompressionLevel.NoCompression),
            "entries that overlap" => Overlapping(),
            "entries that inflate" => Zip(40, static _ => Repeat("cos\nsystem\n0", 100_000), CompressionLevel.Fastest),
            "names of thousands of parts" => Repeat($"cx\n{string.Concat(Enumerable.Repeat("b.", 2000))}b\n0", count / 4005),
            "beginnings of entries" => [.. Enumerable.Repeat("PK\x03\x04"u8.ToArray(), count / 4).SelectMany(static header => header)],
            "tiny nested files" => Repeat("0h\x00" + "C\x01x\x85R", count / 9, "ctorch.storage\n_load_from_bytes\nq\x00N"),
            "extensions that differ" => [.. "N0"u8, .. Enumerable.Range(0, count / 6).SelectMany(static index => (byte[])[0x84, .. BitConverter.GetBytes(index), (byte)'0']), .. "N."u8],
            "computed names" => Repeat("h\0h\0\u0093" + "0", count / 6, "cos\nb\nq\0"),
            "called names" => Repeat("cos\nsystem\n)R0", count / 14),
            "called names that differ" => Unique(count, static index => $"cos\nn{index:x5}\n)R0"),
            "calls" => Repeat("h\0)R0", count / 5, "cos\nsystem\nq\0"),
            "calls with text" => Unique(count, static index => $"h\0U\u0008{index:x8}\u0085R0", "cos\nsystem\nq\0"),
            "calls with many arguments" => Repeat($"h\0({new string('N', 1000)}tR0", count / 1006, "cos\nsystem\nq\0"),
            "encoded text" => Repeat("h\0h\u0001h\u0002\u0086R0", count / 9, "cos\nb\n0c_codecs\nencode\nq\0U\u0001xq\u0001U\u0005rot13q\u0002"),
            "encoded text that is loaded" => Repeat("h\u0003h\0h\u0001h\u0002\u0086R\u0085R0", count / 13, "c_codecs\nencode\nq\0U\u0007cos\nb\n.q\u0001U\u0006latin1q\u0002ctorch.storage\n_load_from_bytes\nq\u0003"),
            "instances" => Repeat("h\0)\u0081" + "0", count / 5, "cos\nb\nq\0"),
            "instances with state" => Repeat("h\0)\u0081" + "}b0", count / 7, "cos\nb\nq\0"),
            "instances of protocol 0" => Repeat("(ios\nb\n0", count / 8),
            "attributes" => Repeat("h\0h\u0001h\u0002\u0086R0", count / 9, "cbuiltins\ngetattr\nq\0cos\nb\nq\u0001U\u0001xq\u0002"),
            "attributes that differ" => Unique(count, static index => $"h\0h\u0001U\u0008{index:x8}\u0086R)R0", "cbuiltins\ngetattr\nq\0cos\nb\nq\u0001"),
            "partial functions" => Repeat("h\0h\u0001\u0085R0", count / 7, "cfunctools\npartial\nq\0cos\nsystem\nq\u0001"),
            "persistent ids" => Repeat("NQ0", count / 3, "cos\nsystem\n0"),
            "calls within persistent ids" => Repeat("h\0)RQ0", count / 6, "cos\nb\nq\0"),
            "lists of lists" => Repeat("]\u0094(K\u0001K\u0002ea", count / 9, "cos\nb\n0]"),
            "dicts of dicts" => Repeat("N}\u0094(K\u0001K\u0002us", count / 10, "cos\nb\n0}"),
            "sets" => Repeat("\u008F(N\u0090" + "0", count / 5, "cos\nb\n0"),
            "tuples" => Repeat("N\u0085\u0094" + "0", count / 4, "cos\nb\n0"),
            "state dicts" => Repeat("}\u0094(U\u0006weightK\u0001U\u0004biash\0u0", count / 23, "cos\nb\nq\0"),
            "floats in digits" => Repeat("F1\n0", count / 4, "cos\nb\n0"),
            "text beyond ASCII" => Repeat("X\u0002\0\0\0\u00C3\u00A9" + "0", count / 8, "cos\nb\n0"),
            "numbered values" => Repeat("\u0094", count, "cos\nb\n"),
            "values numbered out of order" => Unique(count, static index => $"r{Latin1((uint)index * 2_654_435_761)}", "cos\nb\n"),
            "values numbered after a break" => Repeat("\u0094", count, "cos\nb\n0U\u0001x\u00FF"),
            "nested files that are nothing" => Repeat("h\0C\u0001x\u0085R0", count / 8, "ctorch.storage\n_load_from_bytes\nq\0"),
            "broken nested files" => Repeat("h\0C\u0008cos\nx\nRR\u0085R0", count / 15, "ctorch.storage\n_load_from_bytes\nq\0"),
            "unique entries" => Zip(15_000, static index => System.Text.Encoding.ASCII.GetBytes($"cm{index:x5}\nn\n)R."), CompressionLevel.NoCompression),
            "deflated entries" => Zip(2000, static index => System.Text.Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 200).Select(name => $"cm{index:x}\nn{name:x}\n)R0")) + "N."), CompressionLevel.Fastest),
            "tar members" => Tar(count / 1024, static index => $"cos\nn{index:x5}\n)R."),
            _ => throw new ArgumentException(attack),
        };
    }

    private static byte[] Repeat(string opcodes, int count, string start = "") => new PickleBuilder().Op(start + string.Concat(Enumerable.Repeat(opcodes, count)) + "N").Stop();

    private static byte[] Unique(int bytes, Func<int, string> opcodes, string start = "")
    {
        System.Text.StringBuilder pickle = new(start);
        for (int index = 0; pickle.Length < bytes; index++)
        {
            pickle.Append(opcodes(index));
        }
        return Repeat("", 0, pickle.ToString());
    }

    private static string Latin1(uint number) => System.Text.Encoding.Latin1.GetString(BitConverter.GetBytes(number));

    private static byte[] Tar(int count, Func<int, string> contents)
    {
        using MemoryStream archive = new();
        using (System.Formats.Tar.TarWriter tar = new(archive, System.Formats.Tar.TarEntryFormat.Ustar, leaveOpen: true))
        {
            for (int index = 0; index < count; index++)
            {
                tar.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, $"{index}.pkl")
                {
                    DataStream = new MemoryStream(System.Text.Encoding.Latin1.GetBytes(contents(index))),
                });
            }
        }
        return archive.ToArray();
    }

    private static byte[] ManyStates(int count)
    {
        PickleBuilder pickle = new PickleBuilder().Op("}q\x05(");
        for (int index = 0; index < 20_000; index++)
        {
            pickle.Text($"k{index}").Global("os", "x");
        }
        pickle.Op("u0").Global("a", "b").Op(")R");
        return pickle.Op(string.Concat(Enumerable.Repeat("h\x05" + "b", count / 4))).Stop();
    }

    private static byte[] LoadedOften(int count)
    {
        byte[] inner = Repeat("cos\nsystem\n0", 50_000);
        return new PickleBuilder().Global("torch.storage", "_load_from_bytes").Op("q\x00" + "B").UInt32((uint)inner.Length).Bytes(inner).Op("q\x01")
            .Op(string.Concat(Enumerable.Repeat("h\x00h\x01\x85R", count / 6))).Stop();
    }

    private static byte[] Nested()
    {
        byte[] inner = "N."u8.ToArray();
        for (int depth = 0; depth < 100; depth++)
        {
            inner = new PickleBuilder().Global("torch.storage", "_load_from_bytes").Op("B").UInt32((uint)inner.Length).Bytes(inner).Op("\x85R").Stop();
        }
        return inner;
    }

    private static byte[] Zip(int count, Func<int, byte[]> contents, CompressionLevel level)
    {
        using MemoryStream archive = new();
        using (ZipArchive zip = new(archive, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (int index = 0; index < count; index++)
            {
                using Stream entry = zip.CreateEntry($"{index}.pkl", level).Open();
                entry.Write(contents(index));
            }
        }
        return archive.ToArray();
    }

    // Twenty thousand entries, each a little shorter than the one before, that begin at the same place.
    private static byte[] Overlapping()
    {
        const int entries = 20_000;
        byte[] pickle = Repeat("cos\nsystem\n0", 60_000);
        byte[] local = Header(30, "PK\x03\x04", 18, 26, pickle.Length);
        using MemoryStream file = new();
        file.Write(local);
        file.Write("a.pkl"u8);
        file.Write(pickle);
        long start = file.Length;
        for (int index = 0; index < entries; index++)
        {
            file.Write(Header(46, "PK\x01\x02", 20, 28, pickle.Length - index));
            file.Write("a.pkl"u8);
        }
        byte[] end = new byte[22];
        "PK\x05\x06"u8.CopyTo(end);
        BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(8), entries);
        BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(10), entries);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(12), (uint)(file.Length - start));
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(16), (uint)start);
        file.Write(end);
        return file.ToArray();
    }

    private static byte[] Header(int bytes, string signature, int sizesAt, int nameLengthAt, int size)
    {
        byte[] header = new byte[bytes];
        System.Text.Encoding.Latin1.GetBytes(signature).CopyTo(header, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(sizesAt), (uint)size);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(sizesAt + 4), (uint)size);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(nameLengthAt), 5);
        return header;
    }
}
