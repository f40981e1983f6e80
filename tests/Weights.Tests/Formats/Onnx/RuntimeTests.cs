using Microsoft.ML.OnnxRuntime;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Formats.Onnx;

/// <summary>ONNX Runtime loads what is written, and computes with it what it computed before.</summary>
public class RuntimeTests
{
    // Its managed interface knows no others.
    private static readonly string[] s_typesOfRuntime = ["BF16", "BOOL", "F16", "F32", "F64", "I16", "I32", "I64", "I8", "U16", "U32", "U64", "U8"];

    public static TheoryData<string> Networks()
    {
        TheoryData<string> data = [.. Fixtures.Names("valid").Where(static name => Path.GetFileName(name).StartsWith("net-", StringComparison.Ordinal))];
        Assert.NotEmpty(data);
        return data;
    }

    public static TheoryData<string> TypesOfRuntime() => [.. s_typesOfRuntime];

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_model_computes_the_same_after_its_elements_have_moved(string name)
    {
        byte[][] expected = Runtime.Outputs(Fixtures.Path(name));
        using TemporaryFolder folder = new();
        Convert(Fixtures.Path(name), folder, "same.onnx", new WriteOptions());
        Convert(Fixtures.Path(name), folder, "external.onnx", new WriteOptions { Placement = ElementPlacement.External });
        Convert(folder.File("external.onnx"), folder, "kept.onnx", new WriteOptions());
        Convert(folder.File("external.onnx"), folder, "inline.onnx", new WriteOptions { Placement = ElementPlacement.Inline });
        foreach (string file in (string[])["same.onnx", "external.onnx", "kept.onnx", "inline.onnx"])
        {
            AssertSame(expected, Runtime.Outputs(folder.File(file)), file);
        }
        Assert.Equal(File.ReadAllBytes(folder.File("same.onnx")), File.ReadAllBytes(folder.File("inline.onnx")));
        using Checkpoint model = Format.Open(Fixtures.Path(name));
        if (model.Tensors.Any(static tensor => !Format.Safetensors.Writes.Contains(tensor.DType)))
        {
            return;
        }
        Convert(Fixtures.Path(name), folder, "shared.onnx", new WriteOptions { ExternalFormat = Format.Safetensors });
        AssertSame(expected, Runtime.Outputs(folder.File("shared.onnx")), "shared.onnx");
        using Checkpoint elements = Format.Open(folder.File("shared.safetensors"));
        Assert.Equal(model.Tensors.Select(Line).Order(StringComparer.Ordinal), elements.Tensors.Select(Line).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_model_computes_the_same_under_other_names(string name)
    {
        using TemporaryFolder folder = new();
        Convert(Fixtures.Path(name), folder, "renamed.onnx", new WriteOptions(), static checkpoint => checkpoint.Rename([RenameRule.Parse("^=other/")], []));
        AssertSame(Runtime.Outputs(Fixtures.Path(name)), Runtime.Outputs(folder.File("renamed.onnx")), "renamed.onnx");
        using Checkpoint renamed = Format.Open(folder.File("renamed.onnx"));
        Assert.All(renamed.Tensors, static tensor => Assert.StartsWith("other/", tensor.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void A_cast_model_gives_nearly_the_same()
    {
        string path = Fixtures.Path("onnx/valid/net-conv.onnx");
        using TemporaryFolder folder = new();
        Convert(path, folder, "half.onnx", new WriteOptions(), static checkpoint => checkpoint.Cast([CastRule.Parse("F32=F16")], []));
        float[] expected = Floats(Runtime.Outputs(path)[0]);
        float[] actual = Floats(Runtime.Outputs(folder.File("half.onnx"))[0]);
        Assert.Equal(expected.Length, actual.Length);
        float largest = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 0.01f * largest));
        Assert.NotEqual(expected, actual);
        using Checkpoint cast = Format.Open(folder.File("half.onnx"));
        Assert.All(cast.Tensors, static tensor => Assert.NotEqual(DType.F32, tensor.DType));
    }

    [Fact]
    public void New_weights_compute_the_same_whether_they_are_found_by_name_or_by_content()
    {
        string path = Fixtures.Path("onnx/valid/net-matmul.onnx");
        using TemporaryFolder folder = new();
        using Checkpoint model = Format.Open(path);
        // A state dict: other names, matrices as torch has them.
        Checkpoint StateDict(Func<Tensor, ByteSource> bytes) => new(model.Tensors.Select(tensor => Turned(tensor, bytes(tensor)).Rename($"state.{tensor.Name}")), new Origin("memory", "none", "", 0));
        Dictionary<string, Tensor> fresh = model.Tensors.ToDictionary(static tensor => tensor.Name, static tensor => Scaled(tensor), StringComparer.Ordinal);
        using Checkpoint old = StateDict(static tensor => tensor.Bytes);
        using Checkpoint trained = StateDict(tensor => fresh[tensor.Name].Bytes);
        using Checkpoint named = new(fresh.Values, new Origin("memory", "none", "", 0));
        Write(model.Graft(trained, new GraftOptions { Old = old }, []).Checkpoint, folder, "content.onnx", new WriteOptions(), []);
        Write(model.Graft(named, new GraftOptions(), []).Checkpoint, folder, "name.onnx", new WriteOptions(), []);
        AssertSame(Runtime.Outputs(folder.File("name.onnx")), Runtime.Outputs(folder.File("content.onnx")), "content.onnx");
        Assert.NotEqual(Runtime.Outputs(path)[0], Runtime.Outputs(folder.File("content.onnx"))[0]);
    }

    private static Tensor Turned(Tensor tensor, ByteSource bytes)
    {
        if (tensor.Shape.Rank != 2)
        {
            return new Tensor(tensor.Name, tensor.DType, tensor.Shape, bytes);
        }
        Shape turned = new(tensor.Shape[1], tensor.Shape[0]);
        return new Tensor(tensor.Name, tensor.DType, turned, StridedBytes.Create(bytes, tensor.DType.BlockBytes, 0, turned.Dimensions, [1, tensor.Shape[1]]));
    }

    private static Tensor Scaled(Tensor tensor)
    {
        if (tensor.DType != DType.F32)
        {
            return tensor;
        }
        float[] numbers = Floats(Bytes(tensor));
        byte[] scaled = System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(Array.ConvertAll(numbers, static number => (number * 0.75f) + 0.125f)).ToArray();
        return new Tensor(tensor.Name, tensor.DType, tensor.Shape, new MemoryBytes(scaled));
    }

    [Fact]
    public void An_initializer_that_is_left_out_becomes_an_input()
    {
        string path = Fixtures.Path("onnx/valid/net-conv.onnx");
        using TemporaryFolder folder = new();
        Ledger ledger = [];
        using Checkpoint checkpoint = Format.Open(path);
        string gone = checkpoint.Tensors[0].Name;
        Write(checkpoint.With(checkpoint.Tensors.Skip(1)), folder, "less.onnx", new WriteOptions(), ledger);
        using InferenceSession before = new(path);
        using InferenceSession after = new(folder.File("less.onnx"));
        Assert.Equal(before.InputMetadata.Keys.Append(gone).Order(StringComparer.Ordinal), after.InputMetadata.Keys.Order(StringComparer.Ordinal));
        Assert.Contains(ledger, entry => entry.Kind == LedgerKind.Restated && entry.Subject == gone);
    }

    [Theory]
    [MemberData(nameof(TypesOfRuntime))]
    public void Every_tensor_of_a_plain_model_is_an_output(string dtypeName)
    {
        Assert.True(DType.TryParse(dtypeName, out DType dtype));
        Tensor[] tensors = [Noise("a.weight", dtype, [3, 4]), Noise("scalar", dtype, []), Noise("odd", dtype, [7]), Noise("large", dtype, [64, 65]), Noise("none", dtype, [0, 4])];
        using TemporaryFolder folder = new();
        using Checkpoint checkpoint = new(tensors, new Origin("memory", "none", "", 0));
        foreach (WriteOptions options in (WriteOptions[])[new(), new() { Placement = ElementPlacement.External }])
        {
            string name = $"{options.Placement}.onnx";
            Write(checkpoint, folder, name, options, []);
            using InferenceSession session = new(folder.File(name));
            using RunOptions run = new();
            Assert.Equal(tensors.Select(static tensor => tensor.Name), session.OutputNames);
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, new Dictionary<string, OrtValue>(), session.OutputNames);
            foreach ((Tensor tensor, OrtValue output) in tensors.Zip(outputs))
            {
                Assert.Equal([.. tensor.Shape.Dimensions], output.GetTensorTypeAndShape().Shape);
                Assert.Equal(Bytes(tensor), output.GetTensorMutableRawData().ToArray());
            }
        }
    }

    private static void Convert(string path, TemporaryFolder folder, string name, WriteOptions options, Func<Checkpoint, Checkpoint>? edit = null)
    {
        using Checkpoint checkpoint = Format.Open(path);
        Write(edit?.Invoke(checkpoint) ?? checkpoint, folder, name, options, []);
    }

    private static void Write(Checkpoint checkpoint, TemporaryFolder folder, string name, WriteOptions options, Ledger ledger)
    {
        using Output output = new(folder.File(name), replace: false);
        output.Write(Format.Onnx.Layout(checkpoint, name, options, ledger));
        output.Commit();
    }

    private static void AssertSame(byte[][] expected, byte[][] actual, string file)
    {
        Assert.NotEmpty(expected);
        Assert.True(expected.Length == actual.Length && expected.Zip(actual).All(static pair => pair.First.AsSpan().SequenceEqual(pair.Second)), $"{file} gives something else");
    }

    private static float[] Floats(byte[] bytes) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes).ToArray();

    private static string Line(Tensor tensor) => $"{tensor} {System.Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Bytes(tensor)))}";

    private static byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }

    private static Tensor Noise(string name, DType dtype, long[] dimensions)
    {
        Shape shape = new(dimensions);
        byte[] bytes = new byte[dtype.ByteCount(shape)!.Value];
        new Random(bytes.Length + name.Length).NextBytes(bytes);
        int inLast = (int)(shape.ElementCount % dtype.BlockLength);
        if (inLast > 0)
        {
            bytes[^1] &= (byte)((1 << (inLast * 8 / dtype.BlockLength)) - 1);
        }
        return new Tensor(name, dtype, shape, new MemoryBytes(dtype.Kind == DTypeKind.Bool ? Array.ConvertAll(bytes, static one => (byte)(one & 1)) : bytes));
    }
}
