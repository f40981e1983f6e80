using System.IO.Compression;
using System.Text;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats;

public class DetectionTests
{
    private const string ShardIndexText = """{"weight_map":{"a":"model-00001-of-00001.safetensors"}}""";
    private static readonly byte[] s_file = FileOf("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1);

    [Fact]
    public void Content_decides_and_not_the_extension()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("model.gguf"), s_file);
        using Checkpoint checkpoint = Format.Open(folder.File("model.gguf"));
        Assert.Equal(("safetensors", folder.File("model.gguf")), (checkpoint.Origin.Format, checkpoint.Origin.Path));
    }

    [Fact]
    public void A_folder_stands_for_its_only_file()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("model.SAFETENSORS"), s_file);
        File.WriteAllText(folder.File("config.json"), "{}");
        File.WriteAllText(folder.File("README.md"), "# x");
        Directory.CreateDirectory(folder.File("more.safetensors"));
        using Checkpoint checkpoint = Format.Open(folder.Path);
        Assert.Equal(folder.File("model.SAFETENSORS"), checkpoint.Origin.Path);
    }

    [Fact]
    public void In_a_folder_the_index_goes_before_its_shards()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("consolidated.safetensors"), s_file);
        File.WriteAllBytes(folder.File("model-00001-of-00001.safetensors"), s_file);
        File.WriteAllText(folder.File("model.safetensors.index.json"), ShardIndexText);
        using Checkpoint checkpoint = Format.Open(folder.Path);
        Assert.Equal("1 shard", checkpoint.Origin.Variant);
    }

    [Theory]
    [InlineData("without a weight file", "config.json", "README.md")]
    [InlineData("without a weight file")]
    [InlineData("no index that makes them one checkpoint: 'a.safetensors', 'b.safetensors'", "a.safetensors", "b.safetensors", "c.txt")]
    [InlineData("several checkpoints: 'model.fp16.safetensors.index.json', 'model.safetensors.index.json'; name the one", "model.safetensors.index.json", "model.fp16.safetensors.index.json", "model-00001-of-00001.safetensors")]
    [InlineData("several checkpoints: 'model.safetensors', 'pytorch_model.bin'; name the one", "pytorch_model.bin", "model.safetensors", "config.json")]
    [InlineData("'4.safetensors' and 2 more", "1.safetensors", "2.safetensors", "3.safetensors", "4.safetensors", "5.safetensors", "6.safetensors")]
    public void A_folder_that_is_not_one_checkpoint_is_refused_with_what_is_in_it(string part, params string[] names)
    {
        using TemporaryFolder folder = new();
        foreach (string name in names)
        {
            File.WriteAllBytes(folder.File(name), s_file);
        }
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(folder.Path));
        Assert.Equal((Fault.Unsupported, folder.Path), (error.Fault, error.File));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("several checkpoints: '.metadata', 'model.safetensors'; name the one", ".metadata", "__0_0.distcp", "model.safetensors", "a.pt")]
    [InlineData("several checkpoints: '.metadata', 'mp_rank_00_model_states.pt'; name the one", ".metadata", "__0_0.distcp", "mp_rank_00_model_states.pt")]
    [InlineData("several checkpoints: 'model.safetensors', 'step-7/mp_rank_00_model_states.pt'; name the one", "latest", "model.safetensors", "step-7/mp_rank_00_model_states.pt", "step-7/x.pt")]
    [InlineData("several checkpoints: 'mp_rank_00_model_states.pt', 'step-7/mp_rank_00_model_states.pt'; name the one", "latest", "mp_rank_00_model_states.pt", "step-7/mp_rank_00_model_states.pt")]
    public void A_folder_that_many_files_make_a_checkpoint_is_told_from_those_beside_it(string part, params string[] names)
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("step-7"));
        foreach (string name in names)
        {
            File.WriteAllText(folder.File(name), name == "latest" ? "step-7\n" : "");
        }
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(folder.Path));
        Assert.Equal((Fault.Unsupported, folder.Path), (error.Fault, error.File));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("is the checkpoint that the file 'latest' beside it names, and has no", "step-7")]
    [InlineData("names the checkpoint 'step-8', which is not there", "step-8")]
    [InlineData("names the folder '..', which is not a plain name", "..")]
    [InlineData("names the folder '/etc', which is not a plain name", "/etc")]
    public void What_names_a_checkpoint_that_is_none_is_refused(string part, string tag)
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("step-7"));
        File.WriteAllText(folder.File("latest"), tag);
        Assert.Contains(part, Assert.Throws<WeightFileException>(() => Format.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_only_has_the_name_of_a_pointer_is_none()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("latest"), [0, 1, 2]);
        File.WriteAllBytes(folder.File("model.safetensors"), s_file);
        Format.Open(folder.Path).Dispose();
    }

    [Fact]
    public void What_is_not_there_is_an_error_of_reading()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("no such file", Assert.Throws<IOException>(() => Format.Open(folder.File("x"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_root_is_refused_where_there_is_none_to_choose()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("x.safetensors"), s_file);
        Format.Open(folder.File("x.safetensors"), new ReadOptions { Root = "." }).Dispose();
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(folder.File("x.safetensors"), new ReadOptions { Root = "ema" }));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("'ema'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_file_and_its_siblings_are_closed_and_named()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("one.safetensors"), s_file);
        File.WriteAllText(folder.File("m.safetensors.index.json"), """{"weight_map":{"a":"one.safetensors","b":"one.safetensors"}}""");
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(folder.File("m.safetensors.index.json")));
        Assert.Equal(folder.File("m.safetensors.index.json"), error.File);
        // A file that is open cannot be opened for itself alone.
        foreach (string name in folder.Names())
        {
            File.Open(folder.File(name), FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
        }
    }

    [Theory]
    [InlineData("safetensors", "safetensors")]
    [InlineData("SafeTensors", "safetensors")]
    [InlineData("tensors", null)]
    public void Formats_have_names(string name, string? found) => Assert.Equal(found, Format.ByName(name)?.Name);

    [Theory]
    [InlineData("a/model.safetensors", "safetensors")]
    [InlineData("MODEL.SAFETENSORS", "safetensors")]
    [InlineData("model.safetensors.index.json", "safetensors")]
    [InlineData("model.json", null)]
    [InlineData("safetensors", null)]
    [InlineData("", null)]
    public void Formats_have_extensions(string path, string? found) => Assert.Equal(found, Format.ByExtension(path)?.Name);

    [Fact]
    public void Every_format_is_found_by_each_of_its_extensions() =>
        Assert.All(Format.All, static format => Assert.All(format.Extensions, extension => Assert.Contains(extension, Format.ByExtension("x" + extension)!.Extensions)));

    [Theory]
    [InlineData("", "is empty", Fault.Corrupt)]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1234567\n", "Git LFS pointer to sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393, not the file itself: the real file has 1,234,567 bytes; run 'git lfs pull'", Fault.Corrupt)]
    [InlineData("version https://git-lfs.github.com/spec/v1\nsize -5", "Git LFS pointer, not the file itself; run", Fault.Corrupt)]
    [InlineData("\0\0\0\0\0\0\0\0\0", "starts with 9 zero bytes and has no others", Fault.Corrupt)]
    [InlineData("\u001f\u008b\b", "gzip: decompress it (gunzip)", Fault.Unsupported)]
    [InlineData("\u00fd7zXZ\0", "xz", Fault.Unsupported)]
    [InlineData("\u0028\u00b5\u002f\u00fd", "zstd", Fault.Unsupported)]
    [InlineData("BZh91AY", "bzip2", Fault.Unsupported)]
    [InlineData("7z\u00bc\u00af\u0027\u001c", "7z archive", Fault.Unsupported)]
    [InlineData("Rar!\u001a\u0007\0", "RAR archive", Fault.Unsupported)]
    [InlineData("PK\u0003\u0004 and no end", "truncated", Fault.Corrupt)]
    [InlineData("\u007fELF", "program or library (ELF)", Fault.Unsupported)]
    [InlineData("%PDF-1.7", "PDF", Fault.Unsupported)]
    [InlineData("\u0089PNG\r\n", "picture", Fault.Unsupported)]
    [InlineData("\r\n <!DOCTYPE html><html><head>\n<title>\n Sign in\n</title>", "web page, not weights ('Sign in')", Fault.Corrupt)]
    [InlineData("<HTML>", "web page, not weights:", Fault.Corrupt)]
    [InlineData("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message>", "XML, not weights ('Access Denied')", Fault.Corrupt)]
    [InlineData("{\"error\":{\"code\":404,\"message\":\"Not \\u001b[31mfound\"}}", @"it says 'Not \u001B[31mfound'", Fault.Corrupt)]
    [InlineData("{\"status\":1,\"detail\":\"Repository not found\"", "it says 'Repository not found'", Fault.Corrupt)]
    [InlineData("{\"hidden_size\": 768}", "JSON text that describes no weights", Fault.Unsupported)]
    [InlineData("[[1, 2], [3, 4]]", "JSON text that describes no weights", Fault.Unsupported)]
    [InlineData("Invalid username or password.\nPlease log in.", "a text file, which starts 'Invalid username or password.'", Fault.Unsupported)]
    [InlineData("\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u0009", "start with 0102030405060708", Fault.Unsupported)]
    public void What_no_format_claims_is_called_what_it_is(string latin1, string part, Fault fault)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(latin1);
        WeightFileException error = Diagnose("unnamed", bytes);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Equal((fault, "unnamed"), (error.Fault, error.File));
        Assert.DoesNotContain('\n', error.Message);
        // Named like a weight file, it is not what it says.
        Assert.Equal(Fault.Corrupt, Diagnose("model.safetensors", bytes).Fault);
    }

    [Fact]
    public void Archives_are_told_from_their_own_ends()
    {
        using MemoryStream zip = new();
        using (ZipArchive archive = new(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream entry = archive.CreateEntry("readme.txt").Open();
            entry.Write("hello"u8);
        }
        Assert.Contains("zip archive, but of no kind", Diagnose("x", zip.ToArray()).Message, StringComparison.Ordinal);
        Assert.Contains("truncated", Diagnose("x", zip.ToArray()[..^30]).Message, StringComparison.Ordinal);
        byte[] tar = new byte[1024];
        "readme.txt"u8.CopyTo(tar);
        "ustar"u8.CopyTo(tar.AsSpan(257));
        Assert.Contains("tar archive", Diagnose("x", tar).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_is_known_though_the_head_ends_within_a_character()
    {
        byte[] text = Encoding.UTF8.GetBytes("x" + string.Concat(Enumerable.Repeat("é", 3000)));
        Assert.Contains("text file", Diagnose("x", text).Message, StringComparison.Ordinal);
        Assert.DoesNotContain("text file", Diagnose("x", [.. text[..100], 0xFF, .. text[100..]]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_extension_is_mentioned_where_nothing_else_is_known()
    {
        string message = Diagnose("model.safetensors", [1, 2, 3]).Message;
        Assert.Contains("its extension is one of safetensors's", message, StringComparison.Ordinal);
        Assert.DoesNotContain("named like", Diagnose("model.xyz", [1, 2, 3]).Message, StringComparison.Ordinal);
    }

    private static WeightFileException Diagnose(string name, byte[] bytes)
    {
        using MemoryInput input = new(name, bytes);
        return Assert.Throws<WeightFileException>(() => Format.Detect(input));
    }

    private static byte[] FileOf(string header, int dataBytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[dataBytes]];
    }
}
