using System.Runtime.InteropServices;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Tests.DTypes.Quantized;

namespace Weights.Tests.Formats.Gguf;

public class GgufTests
{
    public static TheoryData<string> LittleEndian => [.. Directory.EnumerateFiles(Fixtures.Path("gguf/valid"), "*.gguf").Select(static path => Path.GetFileName(path)).Where(static name => name is not ("big-endian.gguf" or "version-2.gguf" or "last-not-padded.gguf"))];

    [Theory]
    [MemberData(nameof(LittleEndian))]
    public void What_is_read_is_written_again_to_the_byte(string name)
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("gguf/valid/" + name));
        Ledger ledger = [];
        Write(checkpoint, folder.File("out.gguf"), new WriteOptions(), ledger);
        Assert.Empty(ledger);
        Assert.Equal(File.ReadAllBytes(Fixtures.Path("gguf/valid/" + name)), File.ReadAllBytes(folder.File("out.gguf")));
    }

    [Theory]
    [InlineData("version-2.gguf")]
    [InlineData("big-endian.gguf")]
    [InlineData("last-not-padded.gguf")]
    public void Other_layouts_become_the_usual_one(string name)
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("gguf/valid/" + name));
        Write(checkpoint, folder.File("out.gguf"), new WriteOptions(), []);
        using Checkpoint again = Format.Open(folder.File("out.gguf"));
        Assert.Equal("version 3, little-endian", again.Origin.Variant);
        Assert.Equal(checkpoint.Metadata, again.Metadata);
        Assert.Equal(checkpoint.Tensors.Select(Content), again.Tensors.Select(Content));
        AssertOpensInGgml(folder.File("out.gguf"), again);
    }

    [Theory]
    [InlineData("safetensors/valid/torch-state-dict-format.safetensors")]
    [InlineData("pytorch/valid/checkpoint-lightning.ckpt")]
    [InlineData("gguf/valid/split-three")]
    [InlineData("gguf/valid/every-value.gguf")]
    [InlineData("gguf/valid/every-type.gguf")]
    public void What_is_written_opens_in_ggml(string name)
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = Format.Open(Fixtures.Path(name));
        Write(checkpoint, folder.File("out.gguf"), new WriteOptions(), []);
        AssertOpensInGgml(folder.File("out.gguf"), checkpoint);
        using Checkpoint again = Format.Open(folder.File("out.gguf"));
        Assert.Equal(checkpoint.Tensors.Select(Content), again.Tensors.Select(Content));
    }

    [Fact]
    public void Split_files_have_the_keys_that_llama_cpp_looks_for_and_are_found_from_the_first()
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("gguf/valid/split-three"));
        Write(checkpoint, folder.File("model.gguf"), new WriteOptions { MaxShardBytes = 40 }, []);
        Assert.Equal(Enumerable.Range(1, 3).Select(static number => $"model-{number:D5}-of-00003.gguf"), folder.Names());
        using Checkpoint whole = Format.Open(folder.Path);
        Assert.Equal(checkpoint.Tensors.Select(Content), whole.Tensors.Select(Content));
        Assert.Equal(checkpoint.Metadata, whole.Metadata);
        using Checkpoint second = Format.Open(folder.File("model-00002-of-00003.gguf"));
        Assert.Equal("other files", Assert.Single(second.LeftOut).Path);
        foreach ((string name, int index) in folder.Names().Select(static (name, index) => (name, index)))
        {
            byte[] file = File.ReadAllBytes(folder.File(name));
            Assert.Contains("split.no\u0002\0\0\0" + (char)index + "\0", System.Text.Encoding.Latin1.GetString(file), StringComparison.Ordinal);
        }
        File.Delete(folder.File("model-00003-of-00003.gguf"));
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(folder.File("model-00001-of-00003.gguf")));
        Assert.Contains("'model-00003-of-00003.gguf', which is not in its folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void New_metadata_has_the_types_that_converters_choose()
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = new([], new Origin("memory", "none", "", 0))
        {
            Metadata = new MetadataValue.Map(
            [
                new("text", new MetadataValue.Text("a")), new("count", new MetadataValue.Integer(7)), new("negative", new MetadataValue.Integer(-7)), new("large", new MetadataValue.Integer(1L << 40)),
                new("single", new MetadataValue.Real(1e-5)), new("double", new MetadataValue.Real(0.1234567890123)), new("yes", new MetadataValue.Bool(true)),
                new("numbers", new MetadataValue.List([new MetadataValue.Integer(1), new MetadataValue.Integer(-2)])), new("reals", new MetadataValue.List([new MetadataValue.Real(0.5), new MetadataValue.Integer(2)])),
                new("nested", new MetadataValue.Map([new("a", new MetadataValue.Integer(1))])), new("mixed", new MetadataValue.List([new MetadataValue.Integer(1), new MetadataValue.Text("b")])), new("none", MetadataValue.Null.Value),
            ]),
        };
        Ledger ledger = [];
        Write(checkpoint, folder.File("out.gguf"), new WriteOptions(), ledger);
        Assert.Equal(["metadata nested", "metadata mixed", "metadata none"], ledger.Select(static entry => entry.Subject));
        string file = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(folder.File("out.gguf")));
        foreach ((string key, int type) in ((string, int)[])[("text", 8), ("count", 4), ("negative", 5), ("large", 11), ("single", 6), ("double", 12), ("yes", 7), ("numbers", 9), ("reals", 9), ("nested", 8), ("mixed", 8)])
        {
            Assert.Contains($"{key}{(char)type}\0\0\0", file, StringComparison.Ordinal);
        }
        using Checkpoint again = Format.Open(folder.File("out.gguf"));
        Assert.Equal("""{"a":1}""", ((MetadataValue.Text)again.Metadata["nested"]!).Value);
        Assert.Equal(1e-5, ((MetadataValue.Real)again.Metadata["single"]!).Value);
    }

    [Fact]
    public void Edited_metadata_keeps_its_types_and_its_place()
    {
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("gguf/valid/every-value.gguf"));
        using Checkpoint edited = checkpoint.Edit([MetadataEdit.Parse("one.u8=7"), MetadataEdit.Parse("one.f32=2"), MetadataEdit.Parse("general.architecture=a=b"), MetadataEdit.Parse("many.i8=[1, 2, -3]"), MetadataEdit.Parse("new=true"), MetadataEdit.Removal("one.i16")]);
        Write(edited, folder.File("out.gguf"), new WriteOptions(), []);
        using Checkpoint again = Format.Open(folder.File("out.gguf"));
        Assert.Equal(edited.Metadata.Select(static entry => entry.Key), again.Metadata.Select(static entry => entry.Key));
        Assert.Equal(new MetadataValue.Integer(7), again.Metadata["one.u8"]);
        Assert.Equal(new MetadataValue.Real(2), again.Metadata["one.f32"]);
        Assert.Equal(new MetadataValue.Text("a=b"), again.Metadata["general.architecture"]);
        Assert.Equal(new MetadataValue.Bool(true), again.Metadata["new"]);
        Assert.Null(again.Metadata["one.i16"]);
        string file = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(folder.File("out.gguf")));
        Assert.Contains("one.u8\0\0\0\0\u0007", file, StringComparison.Ordinal);
        Assert.Contains("many.i8\u0009\0\0\0\u0001\0\0\0\u0003\0\0\0\0\0\0\0\u0001\u0002\u00FD", file, StringComparison.Ordinal);
        Assert.Contains("'one.u8' is a whole number", Assert.Throws<FormatException>(() => checkpoint.Edit([MetadataEdit.Parse("one.u8=seven")])).Message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => checkpoint.Edit([MetadataEdit.Removal("nowhere")]));
        Assert.Throws<FormatException>(() => MetadataEdit.Parse("=x"));
    }

    [Fact]
    public void Long_names_and_many_dimensions_are_refused_with_what_to_do()
    {
        static Checkpoint One(string name, params long[] shape) => new([new Tensor(name, DType.I8, new Shape(shape), new MemoryBytes(new byte[shape.Aggregate(1L, static (product, size) => product * size)]))], new Origin("memory", "none", "", 0));
        using Checkpoint fits = One(new string('n', 63), 1);
        Format.Gguf.Layout(fits, "x.gguf", new WriteOptions(), []);
        using Checkpoint tooLong = One(new string('ß', 32), 1);
        Assert.Contains("64 bytes; GGUF holds at most 63: shorten names with --rename", Assert.Throws<WeightFileException>(() => Format.Gguf.Layout(tooLong, "x.gguf", new WriteOptions(), [])).Message, StringComparison.Ordinal);
        using Checkpoint deep = One("deep", 1, 2, 1, 2, 1);
        Assert.Contains("at most 4 dimensions", Assert.Throws<WeightFileException>(() => Format.Gguf.Layout(deep, "x.gguf", new WriteOptions(), [])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("corrupt-read-as-text.gguf")]
    [InlineData("corrupt-metadata-read-as-text.gguf")]
    public void A_file_that_was_once_text_is_recognised(string name)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(Fixtures.Path("gguf/invalid/" + name)));
        Assert.Contains("was once read as text and written again", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_after_the_last_tensor_are_told()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("more.gguf"), [.. File.ReadAllBytes(Fixtures.Path("gguf/valid/shapes.gguf")), .. new byte[100]]);
        using Checkpoint checkpoint = Format.Open(folder.File("more.gguf"));
        Assert.Contains("100 bytes after the last tensor", Assert.Single(checkpoint.LeftOut).Reason, StringComparison.Ordinal);
    }

    private static void Write(Checkpoint checkpoint, string path, WriteOptions options, Ledger ledger)
    {
        using Output output = new(path, replace: false);
        output.Write(Format.Gguf.Layout(checkpoint, Path.GetFileName(path), options, ledger));
        output.Commit();
    }

    private static string Content(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return $"{tensor} {Convert.ToHexString(bytes)}";
    }

    private static void AssertOpensInGgml(string path, Checkpoint checkpoint)
    {
        IReadOnlyList<(string Name, int Type, long Bytes)> tensors = Ggml.Open(path);
        Assert.Equal(checkpoint.Tensors.Select(static tensor => (tensor.Name, Ggml.TypeOf(tensor.DType.Name), tensor.Bytes.Length)), tensors);
    }
}
