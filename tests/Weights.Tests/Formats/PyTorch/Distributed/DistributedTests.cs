using System.Diagnostics;
using Weights.Formats;
using Weights.Formats.PyTorch.Distributed;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Tests.Formats.PyTorch.Distributed;

public class DistributedTests
{
    private static readonly string s_mesh = Fixtures.Path("pytorch/valid/dcp-mesh");

    [Fact]
    public void The_folder_and_its_metadata_are_one_checkpoint()
    {
        using Checkpoint byFolder = Format.Open(s_mesh);
        using Checkpoint byFile = Format.Open(Path.Combine(s_mesh, ".metadata"));
        Assert.Equal(byFolder.Tensors.Select(static tensor => tensor.ToString()), byFile.Tensors.Select(static tensor => tensor.ToString()));
        Assert.Equal(byFolder.Origin, byFile.Origin);
        Assert.Equal("distributed checkpoint, 4 files, 18 chunks", byFolder.Origin.Variant);
        Assert.Equal(Directory.EnumerateFiles(s_mesh).Sum(static path => new FileInfo(path).Length), byFolder.Origin.FileBytes);
        Assert.Equal("pt", byFolder.Origin.Framework);
    }

    [Fact]
    public void A_file_of_chunks_says_what_it_belongs_to()
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(Path.Combine(s_mesh, "__0_0.distcp")));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("name that, or the folder", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("corrupt-dcp-file-missing", "grid", "names the file '__1_0.distcp', which is not in its folder")]
    [InlineData("corrupt-dcp-chunk-unlisted", "grid", "has a chunk at [4, 0], and the metadata does not say where it is")]
    [InlineData("corrupt-dcp-gap", "grid", "leave a gap: no chunk has the element [4, 0]")]
    [InlineData("corrupt-dcp-overlap", "grid", "its chunks overlap: more than one has the element [4, 0]")]
    [InlineData("corrupt-dcp-outside", "grid", "do not lie inside the shape [6, 5]")]
    [InlineData("corrupt-dcp-huge", "grid", "has a chunk of [4611686018427387904, 4], which cannot be")]
    [InlineData("corrupt-dcp-dtype", "grid", "is torch.float32 [4, 5], where the metadata says torch.float64 [4, 5]")]
    [InlineData("corrupt-dcp-other-item", "plain", "is torch.float32 [4, 5], where the metadata says torch.int16 [3]")]
    [InlineData("corrupt-dcp-no-item", "plain", "an item of torch.save begins here, and none does")]
    [InlineData("corrupt-dcp-path", "epoch", "its path leads through something that is no container")]
    [InlineData("corrupt-dcp-index-huge", "epoch", "an index that no list of the state dict can have")]
    [InlineData("unsupported-dcp-safetensors", "plain", "is an item in safetensors")]
    [InlineData("unsupported-dcp-transforms", "plain", "through the transforms 'zstd'")]
    public void Errors_name_the_tensor_and_what_is_wrong(string name, string tensor, string problem)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => ReadEverything(Fixtures.Path($"pytorch/invalid/{name}")));
        Assert.Equal(tensor, error.Tensor);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.File);
    }

    [Fact]
    public void Chunks_are_looked_at_when_their_tensor_is_read_and_no_sooner()
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("pytorch/invalid/corrupt-dcp-dtype"));
        Assert.Equal("F64", checkpoint.Find("grid")!.DType.Name);
        Read(checkpoint.Find("plain")!);
        WeightFileException error = Assert.Throws<WeightFileException>(() => Read(checkpoint.Find("grid")!));
        Assert.Equal("grid", error.Tensor);
        Assert.Equal("__0_0.distcp", Path.GetFileName(error.File));
    }

    [Fact]
    public void A_tensor_whose_file_is_missing_fails_only_what_wants_it()
    {
        string folder = Fixtures.Path("pytorch/invalid/corrupt-dcp-file-missing");
        using FileInput input = new(Path.Combine(folder, ".metadata"));
        PickleMachine machine = new(input.Bytes, ".metadata");
        DistributedMetadata metadata = DistributedMetadata.Read(machine.Run());
        ItemFiles files = new(input, metadata.Files);
        Assert.NotNull(files.Find(metadata.Find(metadata.Entries[0], [0, 0])!));
        Assert.Throws<WeightFileException>(() => files.Find(metadata.Find(metadata.Entries[0], [4, 0])!));
    }

    [Fact]
    public void Indexes_that_nothing_came_for_are_none()
    {
        NestedPaths paths = new();
        paths.Add("a.2.b", new PickleTuple([new PickleText("a"), PickleInteger.Of(2), new PickleText("b")]), PickleBool.True);
        paths.Add("a.0", new PickleTuple([new PickleText("a"), PickleInteger.Of(0)]), PickleBool.False);
        paths.Add("plain.name", null, PickleNone.Value);
        PickleDict built = paths.Build();
        Assert.Equal(["a", "plain.name"], built.Items.Select(static entry => ((PickleText)entry.Key).Text));
        PickleList list = Assert.IsType<PickleList>(built.Find("a"));
        Assert.Equal([PickleBool.False, PickleNone.Value], list.Items.Take(2));
        Assert.Same(PickleBool.True, Assert.IsType<PickleDict>(list.Items[2]).Find("b"));
    }

    [Theory]
    [InlineData("x", "a dict")]
    [InlineData(5L, "no container")]
    public void Paths_that_contradict_each_other_are_refused(object key, string problem)
    {
        NestedPaths paths = new();
        paths.Add("a.b", new PickleTuple([new PickleText("a"), new PickleText("b")]), PickleNone.Value);
        PickleNode node = key is long number ? PickleInteger.Of(number) : new PickleText((string)key);
        PickleNode[] path = key is long ? [new PickleText("a"), node] : [node, new PickleText("y"), PickleNone.Value];
        WeightFileException error = Assert.Throws<WeightFileException>(() => paths.Add("c", new PickleTuple(path), PickleNone.Value));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hundred_thousand_chunks_open_in_seconds()
    {
        using TemporaryFolder folder = new();
        (byte[] item, long length) = Chunk();
        File.WriteAllBytes(folder.File("__0_0.distcp"), item);
        File.WriteAllBytes(folder.File(".metadata"), ManyChunks(tensors: 50_000, chunks: 2, length));
        Stopwatch watch = Stopwatch.StartNew();
        using Checkpoint checkpoint = Format.Open(folder.Path);
        Assert.Equal(50_000, checkpoint.Tensors.Count);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"takes {watch.Elapsed}"); // A second on an idle machine.
        byte[] bytes = Read(checkpoint.Tensors[^1]);
        Assert.Equal([.. item.AsSpan(item.AsSpan().IndexOf(s_payload), s_payload.Length), .. s_payload], bytes);
    }

    private static readonly byte[] s_payload = [.. Enumerable.Range(1, 16).Select(static value => (byte)value)];

    // torch.save of an I8 tensor of [2, 8].
    private static (byte[] Bytes, long Length) Chunk()
    {
        Tensor tensor = new("tensor", DType.I8, Shape.TryCreate([2, 8], out Shape shape) ? shape : default, new MemoryBytes(s_payload));
        byte[] pickle = new Weights.Tests.Pickle.PickleBuilder()
            .Op("\u0080\u0002ctorch._utils\n_rebuild_tensor_v2\n((").Text("storage").Op("ctorch\nCharStorage\n").Text("0").Text("cpu").Op("K\u0010tQK\0K\u0002K\u0008\u0086K\u0008K\u0001\u0086\u0089NtR").Stop();
        ZipLayout zip = new(64);
        zip.Add("archive/data.pkl", new MemoryBytes(pickle));
        zip.Add("archive/data/0", tensor.Bytes);
        zip.Add("archive/version", new MemoryBytes("3\n"u8.ToArray()));
        using TemporaryFolder folder = new();
        using (Output output = new(folder.File("chunk"), replace: false))
        {
            output.Write([zip.ToFile("chunk")]);
            output.Commit();
        }
        byte[] bytes = File.ReadAllBytes(folder.File("chunk"));
        return (bytes, bytes.Length);
    }

    private static byte[] ManyChunks(int tensors, int chunks, long length)
    {
        const string module = "ctorch.distributed.checkpoint.metadata\n";
        Weights.Tests.Pickle.PickleBuilder pickle = new();
        pickle.Op($"\u0080\u0002{module}Metadata\n)\u0081}}(").Text("state_dict_metadata").Op("}(");
        for (int tensor = 0; tensor < tensors; tensor++)
        {
            pickle.Text($"t{tensor}").Op($"{module}TensorStorageMetadata\n)\u0081}}(").Text("properties").Op($"{module}TensorProperties\n)\u0081(ctorch\nint8\nNtb").Text("size").Op("ctorch\nSize\n(J").UInt32((uint)(2 * chunks)).Op("K\u0008t\u0085R").Text("chunks").Op("](");
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                pickle.Op($"{module}ChunkStorageMetadata\n)\u0081}}(").Text("offsets").Op("(J").UInt32((uint)(2 * chunk)).Op("K\0t").Text("sizes").Op("(K\u0002K\u0008tub");
            }
            pickle.Op("eub");
        }
        pickle.Op("u").Text("planner_data").Op("N").Text("storage_data").Op("}(");
        for (int tensor = 0; tensor < tensors; tensor++)
        {
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                pickle.Op($"{module}MetadataIndex\n)\u0081}}(").Text("fqn").Text($"t{tensor}").Text("offset").Op("(J").UInt32((uint)(2 * chunk)).Op("K\0t").Text("index").Op("Nub");
                pickle.Op("ctorch.distributed.checkpoint.filesystem\n_StorageInfo\n)\u0081}(").Text("relative_path").Text("__0_0.distcp").Text("offset").Op("K\0").Text("length").Op("J").UInt32((uint)length).Op("ub");
            }
        }
        return pickle.Op("uub").Stop();
    }

    private static void ReadEverything(string path)
    {
        using Checkpoint checkpoint = Format.Open(path);
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            Read(tensor);
        }
    }

    private static byte[] Read(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }
}
