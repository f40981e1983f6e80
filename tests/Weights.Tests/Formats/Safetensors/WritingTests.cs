using System.Text;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.Safetensors;

/// <summary>What is written is what the reference library's <c>serialize</c> writes, byte for byte.</summary>
public class WritingTests
{
    public static TheoryData<string> Written()
    {
        TheoryData<string> data = [.. Directory.EnumerateFiles(Fixtures.Path("safetensors/written"), "*.safetensors").Select(static path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        Assert.Equal(26, data.Count);
        return data;
    }

    [Theory]
    [MemberData(nameof(Written))]
    public void Files_of_the_reference_library_are_the_same_when_written_again(string name)
    {
        string path = Fixtures.Path("safetensors/written/" + name);
        using TemporaryFolder folder = new();
        using (Checkpoint checkpoint = Format.Open(path))
        using (Output output = new(folder.File(name), replace: false))
        {
            Ledger ledger = [];
            output.Write(Format.Safetensors.Layout(checkpoint, name, new WriteOptions(), ledger));
            output.Commit();
            Assert.Empty(ledger);
        }
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(folder.File(name)));
    }

    [Fact]
    public void Names_are_escaped_as_the_reference_library_does()
    {
        // Its JSON writer escapes quotes, backslashes and control characters, and nothing else.
        string[] names = ["\"\\/", "\b\f\n\r\t\u0001\u001f\u007f", "é\u2028\u2029\ud83d\ude00<>&'+`"];
        string header = Header(Checkpoint(names.Select(static name => Tensor(name))));
        Assert.StartsWith("""{"\b\f\n\r\t\u0001\u001f""" + "\u007f" + "\":{", header, StringComparison.Ordinal);
        Assert.Contains(""","\"\\/":{""", header, StringComparison.Ordinal);
        Assert.Contains(",\"é\u2028\u2029\ud83d\ude00<>&'+`\":{", header, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_are_sorted_by_type_then_by_code_points()
    {
        Tensor[] tensors = [Tensor("\ud83d\ude00"), Tensor("z", "U8"), Tensor("\uff5e"), Tensor("b", "F64"), Tensor("a"), Tensor("", "BOOL"), Tensor("a.b"), Tensor("B")];
        string header = Header(Checkpoint(tensors));
        int[] places = [.. new[] { "b", "B", "a", "a.b", "\uff5e", "\ud83d\ude00", "z", "" }.Select(name => header.IndexOf($"\"{name}\":{{", StringComparison.Ordinal))];
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
    }

    [Fact]
    public void Metadata_is_text_in_its_order_and_whatever_is_not_becomes_json()
    {
        MetadataValue.Map metadata = new(
        [
            new("z", new MetadataValue.Text("é\n")), new("epoch", new MetadataValue.Integer(3)), new("lr", new MetadataValue.Real(1)),
            new("args", new MetadataValue.Map([new("names", new MetadataValue.List([new MetadataValue.Text("x\"y"), new MetadataValue.Bool(true), MetadataValue.Null.Value]))])),
        ]);
        Ledger ledger = [];
        using Checkpoint checkpoint = Checkpoint([]).With(metadata);
        Assert.Equal("""{"__metadata__":{"z":"é\n","epoch":"3","lr":"1.0","args":"{\"names\":[\"x\\\"y\",true,null]}"}}""", Header(checkpoint, ledger).TrimEnd(' '));
        Assert.Empty(ledger);
    }

    [Theory]
    [InlineData("pt", null, """{"__metadata__":{"format":"pt","k":"v"}}""")]
    [InlineData("pt", "tf", """{"__metadata__":{"k":"v","format":"tf"}}""")]
    [InlineData("np", null, """{"__metadata__":{"k":"v"}}""")]
    [InlineData(null, null, """{"__metadata__":{"k":"v"}}""")]
    public void Tensors_of_PyTorch_are_marked_as_such_unless_the_metadata_says_otherwise(string? framework, string? format, string header)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [new("k", new MetadataValue.Text("v"))];
        if (format is not null)
        {
            entries.Add(new("format", new MetadataValue.Text(format)));
        }
        using Checkpoint checkpoint = new([], new Origin("memory", "none", "", 0, framework)) { Metadata = new MetadataValue.Map(entries) };
        Assert.Equal(header, Header(checkpoint).TrimEnd(' '));
    }

    [Fact]
    public void Types_that_are_not_stored_are_refused_together_with_their_remedies()
    {
        using Checkpoint checkpoint = Checkpoint([Tensor("a", "C128"), Tensor("b", "C128"), Tensor("c", "C128"), Tensor("d"), Tensor("e", "C32")]);
        WeightFileException error = Assert.Throws<WeightFileException>(() => Header(checkpoint));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Equal("safetensors cannot store C128 ('a', 'b' and 1 more) or C32 ('e'); convert with --cast C128=C64 --cast C32=C64 or leave out with --exclude", error.Message);
    }

    [Fact]
    public void Numbers_that_do_not_fill_whole_bytes_are_refused_with_a_remedy()
    {
        Tensor odd = new("odd", DType.F4, new Shape(3, 5), new MemoryBytes(new byte[8]));
        Tensor even = new("even", DType.F4, new Shape(2, 5), new MemoryBytes(new byte[5]));
        using Checkpoint checkpoint = Checkpoint([even, odd, odd.Rename("b"), odd.Rename("c")]);
        WeightFileException error = Assert.Throws<WeightFileException>(() => Header(checkpoint));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Equal("safetensors stores packed numbers in whole bytes, which those of F4 ('odd', 'b' and 1 more) do not fill; convert with --cast F4=F8_E4M3 or leave out with --exclude", error.Message);
        using Checkpoint fine = Checkpoint([even]);
        Assert.Contains("\"even\":{\"dtype\":\"F4\",\"shape\":[2,5]", Header(fine), StringComparison.Ordinal);
    }

    [Fact]
    public void Packed_integers_are_refused_with_the_narrowest_type_that_holds_them()
    {
        using Checkpoint checkpoint = Checkpoint([.. new[] { DType.I4, DType.U4, DType.I2, DType.U2 }.Select(static dtype => new Tensor(dtype.Name, dtype, Shape.Scalar, new MemoryBytes(new byte[1])))]);
        WeightFileException error = Assert.Throws<WeightFileException>(() => Header(checkpoint));
        Assert.Contains("cannot store I4 ('I4') or U4 ('U4') or I2 ('I2') or U2 ('U2'); convert with --cast I4=I8 --cast U4=U8 --cast I2=I8 --cast U2=U8 or", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_cannot_be_written_are_refused()
    {
        foreach (string name in (string[])["__metadata__", "half \ud83d", "\ude00", "\ude00\ud83d", "\ud83dx"])
        {
            using Checkpoint checkpoint = Checkpoint([Tensor("a"), Tensor(name)]);
            WeightFileException error = Assert.Throws<WeightFileException>(() => Header(checkpoint));
            Assert.Equal((Fault.Unsupported, name), (error.Fault, error.Tensor));
            Assert.Contains("--rename", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Metadata_that_is_not_Unicode_is_repaired_and_said_to_be()
    {
        Ledger ledger = [];
        using Checkpoint checkpoint = Checkpoint([]).With(new MetadataValue.Map([new("k", new MetadataValue.Text("a\ud83d!")), new("l", new MetadataValue.List([new MetadataValue.Text("\ude00")]))]));
        string header = Header(checkpoint, ledger);
        Assert.Contains("\"k\":\"a\ufffd!\"", header, StringComparison.Ordinal);
        Assert.Equal(LedgerKind.Restated, Assert.Single(ledger).Kind);
    }

    [Fact]
    public void The_first_name_of_a_tensor_is_kept_and_the_others_are_in_the_metadata()
    {
        Ledger ledger = [];
        using Checkpoint checkpoint = Tied();
        string header = Header(checkpoint, ledger, AliasMode.Drop);
        Assert.Equal("""{"__metadata__":{"k":"v","taken":"mine","lm_head":"embed","x":"embed"},"embed":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"taken":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"view":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}""", header.TrimEnd(' '));
        Assert.Equal([(LedgerKind.Deduplicated, "lm_head"), (LedgerKind.Deduplicated, "x"), (LedgerKind.Untied, "taken")], ledger.Select(static entry => (entry.Kind, entry.Subject)));
    }

    [Fact]
    public void Every_name_is_written_in_full_by_default_and_the_ledger_says_how_to_have_one_copy()
    {
        Ledger ledger = [];
        using Checkpoint checkpoint = Tied();
        string header = Header(checkpoint, ledger, AliasMode.Keep);
        Assert.All(new[] { "lm_head", "embed", "x", "taken", "view" }, name => Assert.Contains($"\"{name}\":{{\"dtype\"", header, StringComparison.Ordinal));
        LedgerEntry entry = Assert.Single(ledger);
        Assert.Equal(LedgerKind.Untied, entry.Kind);
        Assert.Contains("one of 4 such names", entry.Reason, StringComparison.Ordinal);
        Assert.Contains("--aliases drop", entry.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dropped_name_comes_back_as_an_alias_and_leaves_the_metadata()
    {
        using Checkpoint checkpoint = Tied();
        using Checkpoint read = Format.Safetensors.Read(new MemoryInput("memory", Bytes(Format.Safetensors.Layout(checkpoint, "x", new WriteOptions { Aliases = AliasMode.Drop }, [])[0])), new ReadOptions());
        Assert.Equal(["embed", "taken", "view", "lm_head", "x"], read.Tensors.Select(static tensor => tensor.Name));
        Assert.Equal([new Alias("lm_head", "embed", AliasKind.Same), new Alias("x", "embed", AliasKind.Same)], read.Aliases);
        Assert.Equal(["k", "taken"], read.Metadata.Select(static entry => entry.Key));
    }

    private static Checkpoint Tied()
    {
        Tensor tensor = Tensor("lm_head");
        return new Checkpoint([tensor, tensor.Rename("embed"), tensor.Rename("x"), tensor.Rename("taken"), new Tensor("view", DType.F32, new Shape(1), tensor.Bytes.Slice(0, 4))], new Origin("memory", "none", "", 0))
        {
            Metadata = new MetadataValue.Map([new("k", new MetadataValue.Text("v")), new("taken", new MetadataValue.Text("mine"))]),
            Aliases =
            [
                new Alias("embed", "lm_head", AliasKind.Same), new Alias("x", "lm_head", AliasKind.Same),
                new Alias("taken", "lm_head", AliasKind.Same), new Alias("view", "lm_head", AliasKind.Overlapping),
            ],
        };
    }

    private static Checkpoint Checkpoint(IEnumerable<Tensor> tensors) => new(tensors, new Origin("memory", "none", "", 0));

    private static Tensor Tensor(string name, string dtypeName = "F32")
    {
        Assert.True(DType.TryParse(dtypeName, out DType dtype));
        Shape shape = new(2);
        return new Tensor(name, dtype, shape, new MemoryBytes(new byte[dtype.ByteCount(shape)!.Value]));
    }

    private static string Header(Checkpoint checkpoint, Ledger? ledger = null, AliasMode aliases = AliasMode.Keep)
    {
        byte[] file = Bytes(Format.Safetensors.Layout(checkpoint, "x.safetensors", new WriteOptions { Aliases = aliases }, ledger ?? [])[0]);
        int length = (int)BitConverter.ToInt64(file);
        Assert.Equal(0, length % 8);
        return Encoding.UTF8.GetString(file.AsSpan(8, length));
    }

    private static byte[] Bytes(FileLayout layout)
    {
        byte[] file = new byte[layout.Length];
        foreach (Segment segment in layout.Segments)
        {
            segment.Bytes.Read(0, file.AsSpan((int)segment.Offset, (int)segment.Bytes.Length));
        }
        return file;
    }
}
