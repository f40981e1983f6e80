using System.Diagnostics;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Contract;

/// <summary>What every reader must survive; a new format joins by having fixtures.</summary>
public class HostileInputTests
{
    // Fixtures of a few kilobytes show every part of a header; larger ones only repeat it.
    private const int LargestFixture = 6000;
    private const long MostAllocated = 1 << 20;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(5);

    public static TheoryData<string> Valid() => Fixtures.All("valid");

    public static TheoryData<string> Invalid() => [.. Fixtures.Names("invalid"), .. Fixtures.Folders("invalid")];

    public static TheoryData<string> Small() => [.. Fixtures.Names("valid").Concat(Fixtures.Folders("valid").Select(static folder => $"{folder}/.metadata").Where(static name => File.Exists(Fixtures.Path(name)))).Where(static name => new FileInfo(Fixtures.Path(name)).Length <= LargestFixture)];

    [Theory]
    [MemberData(nameof(Valid))]
    public void Exactly_one_format_claims_each_fixture(string name)
    {
        using FileInput input = new(Fixtures.Path(name));
        string claimed = Assert.Single(Format.All, format => format.Sniff(input)).Name;
        Assert.Equal(name[..name.IndexOf('/', StringComparison.Ordinal)], claimed);
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public void Every_invalid_fixture_is_refused_for_the_fault_in_its_name_or_read_without_the_part_at_fault(string name)
    {
        string fault = System.IO.Path.GetFileName(name).Split('-')[0];
        try
        {
            // What is damaged must be refused; what is not supported or would run code may be left out instead, if the reader says so.
            Assert.NotEmpty(ReadEverything(Fixtures.Path(name)));
            Assert.Contains(fault, (string[])["unsupported", "unsafe"]);
        }
        catch (WeightFileException error)
        {
            Assert.True(fault.Equals(error.Fault.ToString(), StringComparison.OrdinalIgnoreCase) || fault == "unsafe", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
        Assert.False(File.Exists("executed-by-weights"));
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void Every_prefix_is_read_or_refused_in_words(string name)
    {
        byte[] whole = File.ReadAllBytes(Fixtures.Path(name));
        Dictionary<string, ReadOnlyMemory<byte>> siblings = Siblings(name);
        for (int length = 0; length < whole.Length; length++)
        {
            AssertReadOrRefused(whole.AsMemory(0, length), siblings, $"{name} cut to {length} bytes");
        }
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void Every_changed_byte_is_read_or_refused_in_words(string name)
    {
        byte[] changed = File.ReadAllBytes(Fixtures.Path(name));
        Dictionary<string, ReadOnlyMemory<byte>> siblings = Siblings(name);
        for (int index = 0; index < changed.Length; index++)
        {
            byte original = changed[index];
            foreach (byte value in (ReadOnlySpan<byte>)[(byte)(original ^ 1), (byte)(original ^ 0x80), 0xFF])
            {
                changed[index] = value;
                AssertReadOrRefused(changed, siblings, $"{name} with byte {index} set to {value:x2}");
            }
            changed[index] = original;
        }
    }

    private static void AssertReadOrRefused(ReadOnlyMemory<byte> bytes, Dictionary<string, ReadOnlyMemory<byte>> siblings, string what)
    {
        Stopwatch watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using MemoryInput input = new("fixture", bytes, siblings);
            using Checkpoint checkpoint = Format.Detect(input).Read(input, new ReadOptions());
        }
        catch (WeightFileException)
        {
        }
        catch (Exception error)
        {
            Assert.Fail($"{what}: {error}");
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < MostAllocated, $"{what}: allocates {allocated:N0} bytes");
        Assert.True(watch.Elapsed < s_longest, $"{what}: takes {watch.Elapsed}");
    }

    // As a conversion does: that is where checksums are looked at.
    private static IReadOnlyList<LeftOut> ReadEverything(string path)
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = Format.Open(path);
        using Output output = new(folder.File("copy"), replace: false);
        output.Write([.. checkpoint.Tensors.Select(static (tensor, index) => new FileLayout { Name = $"copy{index}", Length = tensor.Bytes.Length, Segments = [new Segment(0, tensor.Bytes, tensor.Name)] })]);
        return checkpoint.LeftOut;
    }

    private static Dictionary<string, ReadOnlyMemory<byte>> Siblings(string name)
    {
        string folder = System.IO.Path.GetDirectoryName(Fixtures.Path(name))!;
        return name.EndsWith(".index.json", StringComparison.Ordinal) || name.EndsWith("/.metadata", StringComparison.Ordinal) || name.Contains("/external/", StringComparison.Ordinal)
            ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(path => System.IO.Path.GetRelativePath(folder, path), static path => (ReadOnlyMemory<byte>)File.ReadAllBytes(path))
            : [];
    }
}
