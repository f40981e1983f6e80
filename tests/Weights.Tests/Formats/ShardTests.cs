using System.Text;
using System.Text.Json;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats;

public class ShardTests
{
    private const string IndexName = "model.safetensors.index.json";

    [Fact]
    public void Tensors_are_distributed_in_order_as_the_Hubs_library_does()
    {
        // Its own example: a file is closed by the first tensor that does not fit, and earlier ones are not filled up later.
        Assert.Equal(["a", "bc", "def"], Groups(10, 6, 6, 2, 6, 2, 2));
        // A tensor that fits in no file gets its own, which does not close the one being filled.
        Assert.Equal(["b", "acd", "e"], Groups(10, 3, 11, 3, 4, 1));
        // Exactly full is not too full, and what has no bytes always fits.
        Assert.Equal(["abc", "d"], Groups(10, 5, 5, 0, 1));
        Assert.Equal([""], Groups(10));
    }

    [Fact]
    public void A_name_without_bytes_of_its_own_goes_where_they_are_and_counts_once()
    {
        Tensor first = Tensor("first", 8);
        Dictionary<string, string> storedWith = new() { ["tied"] = "first" };
        ShardPlan plan = ShardPlan.Make([first, Tensor("big", 8), first.Rename("tied"), Tensor("last", 2)], "x.bin", ".bin", 10, storedWith);
        Assert.Equal(["big last", "first tied"], plan.Shards.Select(static shard => string.Join(' ', shard.Tensors.Select(static tensor => tensor.Name))).Order(StringComparer.Ordinal));
        Assert.Equal(18, JsonDocument.Parse(Text(plan.Index!)).RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
    }

    [Theory]
    [InlineData("model.safetensors", 4L, "model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json")]
    [InlineData("model.safetensors", 100L, "model.safetensors")]
    [InlineData("model.safetensors", null, "model.safetensors")]
    [InlineData("model.safetensors.index.json", 4L, "model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json")]
    [InlineData("model.safetensors.index.json", null, "model-00001-of-00001.safetensors model.safetensors.index.json")]
    [InlineData("Model.v2", 4L, "Model.v2-00001-of-00002.safetensors Model.v2-00002-of-00002.safetensors Model.v2.safetensors.index.json")]
    [InlineData("Model.SafeTensors", 4L, "Model-00001-of-00002.SafeTensors Model-00002-of-00002.SafeTensors Model.SafeTensors.index.json")]
    public void Files_have_the_Hubs_names_and_the_index_comes_last(string name, long? limit, string expected)
    {
        using Checkpoint checkpoint = Checkpoint(Tensor("a", 4), Tensor("b", 4));
        IReadOnlyList<FileLayout> files = Format.Safetensors.Layout(checkpoint, name, new WriteOptions { MaxShardBytes = limit }, []);
        Assert.Equal(expected, string.Join(' ', files.Select(static file => file.Name)));
    }

    [Fact]
    public void The_index_is_the_text_that_the_Hubs_libraries_write()
    {
        using Checkpoint checkpoint = Checkpoint(Tensor("b\u007f\u0001", 4), Tensor("é\ud83d\ude00\"", 4), Tensor("B", 3));
        IReadOnlyList<FileLayout> files = Format.Safetensors.Layout(checkpoint, "m.safetensors", new WriteOptions { MaxShardBytes = 4 }, []);
        Assert.Equal(
            """
            {
              "metadata": {
                "total_size": 11
              },
              "weight_map": {
                "B": "m-00003-of-00003.safetensors",
                "b\u007f\u0001": "m-00001-of-00003.safetensors",
                "\u00e9\ud83d\ude00\"": "m-00002-of-00003.safetensors"
              }
            }

            """.ReplaceLineEndings("\n"),
            Text(files[^1]));
    }

    [Fact]
    public void A_set_that_was_written_is_read_by_its_index_and_by_its_folder()
    {
        using TemporaryFolder folder = new();
        Tensor tied = Tensor("tied.b", 4, 9);
        using Checkpoint written = new([Tensor("z", 4, 1), tied, Tensor("a", 5, 2), tied.Rename("tied.a"), Tensor("empty", 0)], new Origin("memory", "none", "", 0, "pt"))
        {
            Aliases = [new Alias("tied.a", "tied.b", AliasKind.Same)],
            Metadata = new MetadataValue.Map([new("k", new MetadataValue.Text("v"))]),
        };
        using (Output output = new(folder.File("model.safetensors"), replace: false))
        {
            output.Write(Format.Safetensors.Layout(written, "model.safetensors", new WriteOptions { MaxShardBytes = 5, Aliases = AliasMode.Drop }, []));
            output.Commit();
        }
        Assert.Equal(["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", IndexName], folder.Names());
        foreach (string path in (string[])[folder.Path, folder.File(IndexName)])
        {
            using Checkpoint read = Format.Open(path);
            Assert.Equal(["z", "a", "empty", "tied.a", "tied.b"], read.Tensors.Select(static tensor => tensor.Name));
            Assert.Equal([new Alias("tied.b", "tied.a", AliasKind.Same)], read.Aliases);
            Assert.Equal(written.Metadata.Append(new("format", new MetadataValue.Text("pt"))).ToHashSet(), read.Metadata.ToHashSet());
            Assert.Empty(read.LeftOut);
            Assert.Equal(("3 shards", "pt", folder.Names().Sum(name => new FileInfo(folder.File(name)).Length)), (read.Origin.Variant, read.Origin.Framework, read.Origin.FileBytes));
            foreach (Tensor tensor in written.Tensors)
            {
                Assert.Equal(Bytes(tensor.Bytes), Bytes(read.Find(tensor.Name)!.Bytes));
            }
        }
    }

    [Fact]
    public void Tensors_come_by_shard_then_by_place_and_what_the_index_does_not_name_is_left_out()
    {
        using Checkpoint read = Open(
            """{"weight_map":{"b":"two.safetensors","x":"one.safetensors","a":"two.safetensors"},"extra":[{}]}""",
            ("one.safetensors", File("x", "b", "stray")),
            ("two.safetensors", File("b", "a")));
        Assert.Equal(["x", "b", "a"], read.Tensors.Select(static tensor => tensor.Name));
        Assert.Equal(["b", "stray"], read.LeftOut.Select(static left => left.Path));
        Assert.Contains("'two.safetensors'", read.LeftOut[0].Reason, StringComparison.Ordinal);
        Assert.Contains("'one.safetensors'", read.LeftOut[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Metadata_of_index_and_shards_is_put_together_and_contradictions_are_left_out()
    {
        using Checkpoint read = Open(
            """{"metadata":{"total_size":1,"total_parameters":"2","note":"n","deep":{"a":"b"}},"weight_map":{"x":"one.safetensors","y":"two.safetensors"}}""",
            ("one.safetensors", File("""{"__metadata__":{"format":"pt","k":"1"},"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1)),
            ("two.safetensors", File("""{"__metadata__":{"format":"pt","k":"2"},"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1)));
        Assert.Equal([("note", "n"), ("format", "pt"), ("k", "1")], read.Metadata.Select(static entry => (entry.Key, entry.Value.ToText())));
        Assert.Equal("metadata k", Assert.Single(read.LeftOut).Path);
    }

    [Fact]
    public void Two_shards_may_claim_one_dropped_name_and_the_first_has_it()
    {
        const string header = """{"__metadata__":{"tied":"NAME"},"NAME":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""";
        using Checkpoint read = Open(
            """{"weight_map":{"x":"one.safetensors","y":"two.safetensors"}}""",
            ("one.safetensors", File(header.Replace("NAME", "x", StringComparison.Ordinal), 1)),
            ("two.safetensors", File(header.Replace("NAME", "y", StringComparison.Ordinal), 1)));
        Assert.Equal([new Alias("tied", "x", AliasKind.Same)], read.Aliases);
        Assert.Equal("tied", Assert.Single(read.LeftOut).Path);
    }

    [Theory]
    [InlineData("""{"weight_map":{"x":"one.safetensors","y":"one.safetensors"}}""", Fault.Corrupt, "'y'")]
    [InlineData("""{"weight_map":{"x":"none.safetensors"}}""", Fault.Corrupt, "'none.safetensors', which is not in its folder")]
    [InlineData("""{"weight_map":{"x":"../one.safetensors"}}""", Fault.Unsafe, "plain file name")]
    [InlineData("""{"weight_map":{"x":"/one.safetensors"}}""", Fault.Unsafe, "plain file name")]
    [InlineData("""{"weight_map":{"x":"sub\\one.safetensors"}}""", Fault.Unsafe, "plain file name")]
    [InlineData("""{"weight_map":{"x":"C:one.safetensors"}}""", Fault.Unsafe, "plain file name")]
    [InlineData("""{"weight_map":{"x":"one.safetensors","x":"one.safetensors"}}""", Fault.Corrupt, "twice")]
    [InlineData("""{"weight_map":{},"weight_map":{}}""", Fault.Corrupt, "twice")]
    [InlineData("""{"weight_map":{"x":1}}""", Fault.Corrupt, "no name")]
    [InlineData("""{"weight_map":["one.safetensors"]}""", Fault.Corrupt, "not an object")]
    [InlineData("""{"metadata":{}}""", Fault.Corrupt, "no weight_map")]
    [InlineData("""{"weight_map":{"x":"one.safetensors"}}{""", Fault.Corrupt, "JSON")]
    [InlineData("""{"weight_map":{"x":"one.safetensors"}""", Fault.Corrupt, "JSON")]
    [InlineData("""{"weight_map":{"\ud800":"one.safetensors"}}""", Fault.Corrupt, "not text")]
    [InlineData("""{"weight_map":{"x":"broken.safetensors"}}""", Fault.Corrupt, "broken.safetensors: ")]
    [InlineData("""{"weight_map":{"x":"model.safetensors.index.json"}}""", Fault.Corrupt, "header")]
    public void A_wrong_index_is_refused_in_words(string index, Fault fault, string part)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Open(index, ("one.safetensors", File("x")), ("broken.safetensors", File("x")[..^1])));
        Assert.Equal(fault, error.Fault);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file", """{"weight_map":{"a":"x.safetensors"}}""", true)]
    [InlineData("file", " \n{\"metadata\":{\"weight_map\":\"x.bin\"},\"weight_map\":{\"a\":\"X.SAFETENSORS\",", true)]
    [InlineData("file", "\ufeff{\"weight_map\":{\"a\":\"x.safetensors\"}}", true)]
    [InlineData("file", """{"weight_map":{"a":"x.bin"}}""", false)]
    [InlineData("file", """{"weight_map":{}}""", false)]
    [InlineData(IndexName, """{"weight_map":{}}""", true)]
    [InlineData("file", """{"metadata":{"a":"x.safetensors"}}""", false)]
    [InlineData("file", """{"weight_map":{"\ud800":"x.safetensors"}}""", true)]
    [InlineData("file", """{"weight_map":{"a":"\ud800"}}""", false)]
    [InlineData("file", "{nonsense", false)]
    [InlineData(IndexName, "[]", false)]
    public void An_index_is_recognised_by_the_first_file_that_it_names(string name, string text, bool isClaimed)
    {
        using MemoryInput input = new(name, Encoding.UTF8.GetBytes(text));
        Assert.Equal(isClaimed, Format.Safetensors.Sniff(input));
    }

    [Fact]
    public void An_index_is_recognised_behind_long_metadata()
    {
        using MemoryInput input = new("file", Encoding.UTF8.GetBytes($$$"""{"metadata":{"note":"{{{new string('x', 20_000)}}}"},"weight_map":{"a":"x.safetensors"}}"""));
        Assert.True(Format.Safetensors.Sniff(input));
    }

    private static Checkpoint Open(string index, params (string Name, byte[] Bytes)[] shards)
    {
        using TemporaryFolder folder = new();
        System.IO.File.WriteAllText(folder.File(IndexName), index);
        foreach ((string name, byte[] bytes) in shards)
        {
            System.IO.File.WriteAllBytes(folder.File(name), bytes);
        }
        return Format.Open(folder.File(IndexName));
    }

    private static byte[] File(params string[] names)
    {
        IEnumerable<string> entries = names.Select(static (name, index) => $"\"{name}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{index},{index + 1}]}}");
        return File($"{{{string.Join(',', entries)}}}", names.Length);
    }

    private static byte[] File(string header, int dataBytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[dataBytes]];
    }

    private static string[] Groups(long limit, params int[] sizes)
    {
        ShardPlan plan = ShardPlan.Make([.. sizes.Select(static (size, index) => Tensor(((char)('a' + index)).ToString(), size))], "x.bin", ".bin", limit);
        return [.. plan.Shards.Select(static shard => string.Concat(shard.Tensors.Select(static tensor => tensor.Name)))];
    }

    private static Checkpoint Checkpoint(params Tensor[] tensors) => new(tensors, new Origin("memory", "none", "", 0));

    private static Tensor Tensor(string name, int size, byte value = 0)
    {
        Assert.True(DType.TryParse("U8", out DType dtype));
        byte[] bytes = new byte[size];
        bytes.AsSpan().Fill(value);
        return new Tensor(name, dtype, new Shape(size), new MemoryBytes(bytes));
    }

    private static string Text(FileLayout file) => Encoding.UTF8.GetString(Bytes(Assert.Single(file.Segments).Bytes));

    private static byte[] Bytes(ByteSource source)
    {
        byte[] bytes = new byte[source.Length];
        source.Read(0, bytes);
        return bytes;
    }
}
