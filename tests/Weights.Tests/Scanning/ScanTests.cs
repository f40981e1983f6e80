using System.Text;
using Weights.IO;
using Weights.Scanning;
using Weights.Tests.Pickle;

namespace Weights.Tests.Scanning;

public class ScanTests
{
    public static TheoryData<string> Files(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(Fixtures.Path($"scan/{folder}")).Select(static path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(files);
        return [.. files];
    }

    [Theory]
    [MemberData(nameof(Files), "executes")]
    public void What_executes_code_is_told_so_and_no_wildcard_accepts_it(string file)
    {
        string path = Fixtures.Path($"scan/executes/{file}");
        ScanReport report = Scan.File(path);
        Assert.Equal(ScanResult.Executes, report.Result);
        Assert.Equal(ScanResult.Executes, Scan.File(path, new ScanOptions { Allows = static _ => true }).Result);
        ScanFinding worst = report.Findings[0];
        Assert.Equal(Verdict.Executes, worst.Verdict);
        Assert.NotEmpty(worst.Places);
        Assert.True(worst.Count > 0);
    }

    [Theory]
    [MemberData(nameof(Files), "unknown")]
    public void What_nobody_knows_is_unknown_until_it_is_allowed(string file)
    {
        string path = Fixtures.Path($"scan/unknown/{file}");
        ScanReport report = Scan.File(path);
        Assert.Equal(ScanResult.Unknown, report.Result);
        string[] names = [.. report.Findings.Where(static finding => finding.Verdict == Verdict.Unknown).Select(static finding => finding.Name)];
        Assert.Equal(ScanResult.Clean, Scan.File(path, new ScanOptions { AllowsExactly = names }).Result);
        Assert.Equal(ScanResult.Unknown, Scan.File(path, new ScanOptions { AllowsExactly = names[1..] }).Result);
    }

    [Theory]
    [MemberData(nameof(Files), "broken")]
    public void What_is_broken_is_never_clean_and_told_where(string file)
    {
        ScanReport report = Scan.File(Fixtures.Path($"scan/broken/{file}"), new ScanOptions { Allows = static _ => true });
        Assert.NotEqual(ScanResult.Clean, report.Result);
        Assert.True(report.Kind is null || report.FaultCount > 0);
        Assert.All(report.Faults, static fault => Assert.False(fault.Reason.EndsWith('.')));
    }

    [Theory]
    [MemberData(nameof(Files), "clean")]
    public void What_is_harmless_is_clean(string file)
    {
        ScanReport report = Scan.File(Fixtures.Path($"scan/clean/{file}"));
        Assert.Equal(("", ScanResult.Clean), (string.Join(' ', report.Faults), report.Result));
    }

    [Theory]
    [InlineData("payload-before-break.pkl", "os.system", 2)]
    [InlineData("payload-after-break.pkl", "os.system", 4)]
    [InlineData("payload-after-break-memo.pkl", "os.system", 21)]
    [InlineData("zip-flag-0001.pt", "os.system", 2)]
    [InlineData("zip-other-name.pt", "os.system", 2)]
    [InlineData("zip-other-method.pt", "os.system", 2)]
    [InlineData("zip-other-size.pt", "os.system", 2)]
    [InlineData("zip-wrong-crc.pt", "os.system", 2)]
    [InlineData("zip-unknown-method.pt", "os.system", 2)]
    [InlineData("zip-hidden-before.pt", "os.system", 2)]
    [InlineData("zip-hidden-after.pt", "os.system", 2)]
    [InlineData("zip-hidden-behind.pt", "os.system", 2)]
    [InlineData("zip-duplicate.pt", "os.system", 2)]
    [InlineData("zip-prefix.pt", "os.system", 2)]
    [InlineData("zip-truncated.pt", "os.system", 2)]
    public void Names_in_what_is_broken_are_found_where_they_stand(string file, string name, long offset)
    {
        ScanReport report = Scan.File(Fixtures.Path($"scan/broken/{file}"));
        ScanFinding finding = Assert.Single(report.Findings, finding => finding.Name == name);
        Assert.Equal(Verdict.Executes, finding.Verdict);
        Assert.Contains(finding.Places, place => place.Offset == offset);
    }

    [Fact]
    public void A_call_is_shown_with_its_literal_arguments_and_a_long_one_is_cut()
    {
        ScanReport report = Scan.File(Fixtures.Path("scan/executes/torch-zip.pt"));
        ScanPlace place = Assert.Single(Assert.Single(report.Findings).Places);
        Assert.Equal(("archive/data.pkl", 2L, "os.system(\"echo scanned\")"), (place.Stream, place.Offset, place.Call));

        byte[] pickle = new PickleBuilder().Global("os", "system").Op("(").Text(new string('x', 100_000)).Op("tR").Stop();
        Assert.InRange(Of(pickle).Findings[0].Places[0].Call!.Length, 50, 250);
    }

    [Fact]
    public void A_wildcard_accepts_unknown_names_but_no_module_that_executes_code()
    {
        ScanOptions options = new() { Allows = static name => name.StartsWith("project.", StringComparison.Ordinal) };
        Assert.Equal(ScanResult.Clean, Of(new PickleBuilder().Global("project.models", "Net").Op(")\x81").Stop(), options).Result);
        Assert.Equal(ScanResult.Executes, Of(new PickleBuilder().Global("project.models", "os").Op(")\x81").Stop(), options).Result);
        Assert.Equal(ScanResult.Unknown, Of(new PickleBuilder().Global("project.models", "pdb").Op(")\x81").Stop(), options).Result);
        Assert.Equal(ScanResult.Executes, Of(new PickleBuilder().Global("project.models", "Net.__init__.__globals__").Stop(), options).Result);
    }

    [Fact]
    public void What_executes_code_is_accepted_by_its_exact_name()
    {
        ScanOptions options = new() { AllowsExactly = ["os.system"] };
        ScanReport report = Scan.File(Fixtures.Path("scan/executes/reduce.pkl"), options);
        Assert.Equal(ScanResult.Clean, report.Result);
        Assert.True(Assert.Single(report.Findings).IsAllowed);
        Assert.Equal(ScanResult.Executes, Scan.File(Fixtures.Path("scan/executes/reduce.pkl"), new ScanOptions { AllowsExactly = ["os.*"] }).Result);
    }

    // Whole modules and other objects, with classes of the one who saved them.
    private static readonly string[] s_modules =
        ["module-pickled.pt", "module-pickled-half-in-checkpoint.pt", "module-in-yolo-checkpoint.pt", "legacy-module.pt", "legacy-module-with-source.pt", "wrapper-subclass.pt"];

    // Among those objects is a method of a list, which could be one that a later call uses.
    private const string Objects = "inert-project-objects.pt";

    // Torch ignores what follows the last storage; whether it is harmless nobody can say.
    private static readonly string[] s_followed = ["by-hand-trailing-bytes.pt", "by-hand-two-values.pt"];

    private static IEnumerable<string> AllCheckpoints => Fixtures.Names("valid").Where(static name => name.StartsWith("pytorch/", StringComparison.Ordinal) && !name.EndsWith(".json", StringComparison.Ordinal));

    private static bool IsMore(string name) => Path.GetFileName(name) is var file && (file == Objects || s_followed.Contains(file));

    public static TheoryData<string> Checkpoints() => [.. AllCheckpoints.Where(static name => !IsMore(name))];

    [Fact]
    public void Checkpoints_with_something_after_them_or_with_methods_in_them_are_not_clean()
    {
        Dictionary<string, ScanResult> results = AllCheckpoints.Where(IsMore).ToDictionary(static name => Path.GetFileName(name), static name => Scan.File(Fixtures.Path(name)).Result);
        Assert.Equal(ScanResult.Executes, results[Objects]);
        Assert.All(s_followed, file => Assert.Equal(ScanResult.Unreadable, results[file]));
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Other_checkpoints_are_clean_but_for_the_classes_of_whole_modules(string name)
    {
        ScanReport report = Scan.File(Fixtures.Path(name));
        Assert.Equal("", string.Join(' ', report.Faults));
        if (s_modules.Contains(Path.GetFileName(name)))
        {
            Assert.True(report.Result < ScanResult.Executes);
        }
        else
        {
            Assert.Equal("", string.Join(' ', report.Findings.Where(static finding => finding.Verdict >= Verdict.Unknown).Select(static finding => finding.Name)));
            Assert.Equal(ScanResult.Clean, report.Result);
        }
    }

    [Fact]
    public void Every_prefix_of_a_payload_is_either_told_or_has_named_nothing()
    {
        byte[] whole = File.ReadAllBytes(Fixtures.Path("scan/executes/protocol-5.pkl"));
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.NotEqual(ScanResult.Clean, Of(whole[..length]).Result);
        }
    }

    [Fact]
    public void Every_single_changed_byte_of_an_archive_leaves_it_dangerous_or_told()
    {
        byte[] whole = File.ReadAllBytes(Fixtures.Path("scan/executes/torch-zip.pt"));
        int harmless = 0;
        for (int index = 0; index < whole.Length; index++)
        {
            byte[] changed = [.. whole];
            changed[index] ^= 0x20;
            // A letter of the names themselves changes what is named, not whether it is known.
            harmless += Of(changed).Result == ScanResult.Clean ? 1 : 0;
        }
        Assert.Equal(0, harmless);
    }

    [Fact]
    public void Nothing_but_zeros_between_the_parts_of_an_archive_passes()
    {
        byte[] clean = File.ReadAllBytes(Fixtures.Path("scan/clean/raw-like-pickle.pt"));
        Assert.Equal(ScanResult.Clean, Of([.. clean]).Result);
        Assert.Equal(ScanResult.Unreadable, Of([.. clean, .. "junk"u8]).Result);
    }

    [Fact]
    public void A_file_of_the_older_PyTorch_format_ends_with_its_storages()
    {
        string path = Directory.EnumerateFiles(Fixtures.Path("pytorch/valid/legacy"), "*.pt").Order(StringComparer.Ordinal).First();
        byte[] file = File.ReadAllBytes(path);
        Assert.Equal(ScanResult.Clean, Of(file).Result);
        Assert.Equal(ScanResult.Executes, Of([.. file, .. File.ReadAllBytes(Fixtures.Path("scan/executes/reduce.pkl"))]).Result);
        Assert.Equal(ScanResult.Unreadable, Of(file[..^1]).Result);
    }

    [Fact]
    public void Random_bytes_in_the_place_of_tensors_raise_no_alarm()
    {
        Random random = new(20_26);
        byte[] numbers = new byte[1 << 12];
        for (int round = 0; round < 2000; round++)
        {
            random.NextBytes(numbers);
            (numbers[0], numbers[1]) = round % 2 == 0 ? ((byte)0x80, (byte)(round % 5)) : ((byte)"c(]}XUN"[round % 7], numbers[1]);
            using MemoryStream archive = new();
            using (System.IO.Compression.ZipArchive zip = new(archive, System.IO.Compression.ZipArchiveMode.Create, leaveOpen: true))
            {
                Add(zip, "a/data.pkl", "}."u8);
                Add(zip, "a/data/0", numbers);
            }
            ScanReport report = Of(archive.ToArray());
            Assert.Equal("", string.Join(' ', report.Faults.Select(fault => $"{round} {fault.Stream}: {fault.Reason}")));
            Assert.Equal(ScanResult.Clean, report.Result);
        }
    }

    private static void Add(System.IO.Compression.ZipArchive zip, string name, ReadOnlySpan<byte> contents)
    {
        using Stream entry = zip.CreateEntry(name, System.IO.Compression.CompressionLevel.NoCompression).Open();
        entry.Write(contents);
    }

    private static ScanReport Of(byte[] file, ScanOptions? options = null) => Scan.Of(new MemoryInput("file.pt", file), options);
}
