using Weights.Formats;

namespace Weights.Cli.Tests;

/// <summary>Memory is bounded by construction; this would fail if anything held a tensor, or a tenth of one.</summary>
public class MemoryTests
{
    private const long Bytes = (4L << 30) + 12345;
    private static readonly Dictionary<string, string> s_heapOf64Megabytes = new() { ["DOTNET_GCHeapHardLimit"] = "0x4000000" };
    private static readonly byte[] s_mark = [1, 2, 3, 4, 5];

    [Fact]
    public void A_tensor_over_4_GiB_converts_there_and_back_in_a_heap_of_64_MiB()
    {
        using TemporaryFolder folder = new();
        SparseFile.WithOneTensor(folder.File("big.safetensors"), Bytes);
        using (FileStream file = new(folder.File("big.safetensors"), FileMode.Open, FileAccess.Write))
        {
            file.Position = file.Length - s_mark.Length;
            file.Write(s_mark);
        }
        Convert(folder, "big.safetensors", "big.pt");
        File.Delete(folder.File("big.safetensors"));
        Convert(folder, "big.pt", "back.safetensors");
        using Checkpoint checkpoint = Format.Open(folder.File("back.safetensors"));
        Tensor tensor = Assert.Single(checkpoint.Tensors);
        Assert.Equal(("big.weight", Bytes), (tensor.Name, tensor.Shape[0]));
        byte[] end = new byte[s_mark.Length + 1];
        tensor.Bytes.Read(Bytes - end.Length, end);
        Assert.Equal([0, .. s_mark], end);
    }

    [Fact]
    public void A_model_over_4_GiB_has_its_elements_beside_it_in_a_heap_of_64_MiB()
    {
        using TemporaryFolder folder = new();
        SparseFile.WithOneTensor(folder.File("big.safetensors"), Bytes);
        using (FileStream file = new(folder.File("big.safetensors"), FileMode.Open, FileAccess.Write))
        {
            file.Position = file.Length - s_mark.Length;
            file.Write(s_mark);
        }
        Convert(folder, "big.safetensors", "big.onnx");
        File.Delete(folder.File("big.safetensors"));
        Assert.True(new FileInfo(folder.File("big.onnx")).Length < 1000);
        using Checkpoint checkpoint = Format.Open(folder.File("big.onnx"), new ReadOptions { Verify = true });
        Tensor tensor = Assert.Single(checkpoint.Tensors);
        Assert.Equal(("big.weight", Bytes), (tensor.Name, tensor.Shape[0]));
        byte[] end = new byte[s_mark.Length + 1];
        tensor.Bytes.Read(Bytes - end.Length, end);
        Assert.Equal([0, .. s_mark], end);
        Convert(folder, "big.onnx", "again.onnx");
        using Checkpoint again = Format.Open(folder.File("again.onnx"));
        again.Tensors[0].Bytes.Read(Bytes - end.Length, end);
        Assert.Equal([0, .. s_mark], end);
    }

    [Fact]
    public void A_tensor_over_4_GiB_goes_into_a_patch_and_comes_out_of_it_in_a_heap_of_64_MiB()
    {
        using TemporaryFolder folder = new();
        foreach ((string name, int mark) in ((string, int)[])[("a.safetensors", 0), ("b.safetensors", 1)])
        {
            SparseFile.WithOneTensor(folder.File(name), Bytes);
            using FileStream file = new(folder.File(name), FileMode.Open, FileAccess.Write);
            file.Position = file.Length - s_mark.Length;
            file.Write([.. s_mark.Select(value => (byte)(value + mark))]);
        }
        Run(folder, "diff", "a.safetensors", "b.safetensors", "-o", "b.wpatch");
        Assert.InRange(new FileInfo(folder.File("b.wpatch")).Length, 4097 * 12, 1_000_000);
        File.Delete(folder.File("b.safetensors"));
        Run(folder, "patch", "a.safetensors", "b.wpatch", "-o", "b.safetensors");
        using Checkpoint checkpoint = Format.Open(folder.File("b.safetensors"));
        byte[] end = new byte[s_mark.Length + 1];
        Assert.Single(checkpoint.Tensors).Bytes.Read(Bytes - end.Length, end);
        Assert.Equal([0, .. s_mark.Select(static value => (byte)(value + 1))], end);
    }

    [Fact]
    public void A_matrix_of_2_GiB_is_quantised_in_a_heap_of_64_MiB()
    {
        using TemporaryFolder folder = new();
        const long rows = 1 << 17, columns = 4096;
        SparseFile.WithOneMatrix(folder.File("big.safetensors"), rows, columns);
        using (FileStream file = new(folder.File("big.safetensors"), FileMode.Open, FileAccess.Write))
        {
            file.Position = file.Length - sizeof(float);
            file.Write(BitConverter.GetBytes(127f));
        }
        Run(folder, "quantize", "big.safetensors", "big.gguf", "--scheme", "q8_0", "--pure");
        using Checkpoint checkpoint = Format.Open(folder.File("big.gguf"));
        Tensor tensor = Assert.Single(checkpoint.Tensors);
        Assert.Equal((DType.Q8_0, rows * columns / 32 * 34), (tensor.DType, tensor.Bytes.Length));
        byte[] end = new byte[34];
        tensor.Bytes.Read(tensor.Bytes.Length - end.Length, end);
        Assert.Equal([0x00, 0x3C, .. new byte[31], 127], end);
    }

    [Theory]
    [InlineData("int4", "--asymmetric")]
    [InlineData("nvfp4", "--quiet")]
    public void A_matrix_of_2_GiB_is_packed_in_a_heap_of_64_MiB(string scheme, string option)
    {
        using TemporaryFolder folder = new();
        const long rows = 1 << 17, columns = 4096;
        SparseFile.WithOneMatrix(folder.File("big.safetensors"), rows, columns);
        using (FileStream file = new(folder.File("big.safetensors"), FileMode.Open, FileAccess.Write))
        {
            file.Position = file.Length - sizeof(float);
            file.Write(BitConverter.GetBytes(15f));
        }
        Run(folder, "quantize", "big.safetensors", "packed.safetensors", "--scheme", scheme, option, "--include", "*");
        using Checkpoint checkpoint = Format.Open(folder.File("packed.safetensors"));
        Tensor tensor = checkpoint.Tensors.Single(static tensor => tensor.Name.EndsWith("_packed", StringComparison.Ordinal));
        Assert.Equal(rows * columns / 2, tensor.Bytes.Length);
        byte[] end = new byte[2];
        tensor.Bytes.Read(tensor.Bytes.Length - end.Length, end);
        // Of 0 to 15, in 16 steps from −8; of 4-bit floats, 6 is the largest.
        Assert.Equal(scheme == "int4" ? new byte[] { 0x00, 0xF0 } : [0x00, 0x70], end);
    }

    [Fact]
    public void A_packed_weight_becomes_half_a_gigabyte_in_a_heap_of_64_MiB()
    {
        const long rows = 32768;
        const long columns = 8192;
        using TemporaryFolder folder = new();
        SparseFile.WithPackedWeight(folder.File("packed.safetensors"), rows, columns);
        // One scale that is not 0, of the last row in the last group: its numbers are then (0 - 1) · 1.
        using (FileStream file = new(folder.File("packed.safetensors"), FileMode.Open, FileAccess.Write))
        {
            file.Position = file.Length - 2;
            file.Write([0x00, 0x3C]);
        }
        Run(folder, "dequantize", "packed.safetensors", "plain.safetensors");
        using Checkpoint checkpoint = Format.Open(folder.File("plain.safetensors"));
        Tensor tensor = Assert.Single(checkpoint.Tensors);
        Assert.Equal(("up.weight", DType.F16, new Shape(rows, columns)), (tensor.Name, tensor.DType, tensor.Shape));
        byte[] end = new byte[2 * 129];
        tensor.Bytes.Read(tensor.Bytes.Length - end.Length, end);
        Assert.Equal([0x00, 0x80, .. Enumerable.Repeat<byte[]>([0x00, 0xBC], 128).SelectMany(static one => one)], end);
    }

    private static void Convert(TemporaryFolder folder, string from, string to) => Run(folder, "convert", from, to);

    private static void Run(TemporaryFolder folder, params string[] arguments)
    {
        Outcome outcome = Tool.Finish(Tool.StartProcess(folder.Path, Tool.Command[0], [.. Tool.Command.Skip(1), .. arguments], s_heapOf64Megabytes));
        Assert.True(outcome.ExitCode == 0, outcome.Error);
    }
}
