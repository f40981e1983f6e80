using System.Runtime.InteropServices;
using System.Text.Json;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;
using Weights.Tests.Passes.Dialects;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Weights that ONNX Runtime's own quantisers have made smaller, and what it makes of them: see <c>fixtures/onnx/quantized.py</c>.</summary>
public class GraphDequantizationTests
{
    public static TheoryData<string> Names { get; } = [.. Expected().Select(static entry => entry.Key)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Weights_are_those_that_the_runtime_computes(string name)
    {
        using Checkpoint packed = Format.Open(Fixtures.Path($"onnx/valid/{name}"));
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(Expected()[name].Order(StringComparer.Ordinal), plain.Weights.Select(static weight => Line(weight.Packed.Dialect == "MatMulNBits" ? WithoutNegativeZeros(weight.Tensor) : weight.Tensor)).Order(StringComparer.Ordinal));
        Assert.Empty(plain.Checkpoint.QuantizedValues);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_model_of_plain_weights_computes_the_same(string name)
    {
        string path = Fixtures.Path($"onnx/valid/{name}");
        using Checkpoint packed = Format.Open(path);
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions(), []);
        using TemporaryFolder folder = new();
        QuantizedValueTests.Write(plain.Checkpoint, folder.File("plain.onnx"));
        Runtime.AssertNear(Runtime.Outputs(path, isPlain: true), Runtime.Outputs(folder.File("plain.onnx"), isPlain: true), Tolerance(name));
        using Checkpoint read = Format.Open(folder.File("plain.onnx"));
        Assert.Empty(read.QuantizedValues);
        Assert.Equal(plain.Checkpoint.Tensors.Select(Line).Order(StringComparer.Ordinal), read.Tensors.Select(Line).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(read.Graph!.Operators, static entry => entry.Key.Contains("NBits", StringComparison.Ordinal));
        Assert.DoesNotContain(read.Graph!.OperatorSets, static set => set.Key == "com.microsoft");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_stays_packed_stays_as_it_was(string name)
    {
        string path = Fixtures.Path($"onnx/valid/{name}");
        using Checkpoint packed = Format.Open(path);
        string kept = packed.QuantizedValues[0].Name;
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions { Exclude = [Glob.Parse(kept)] }, []);
        using TemporaryFolder folder = new();
        QuantizedValueTests.Write(plain.Checkpoint, folder.File("mixed.onnx"));
        using Checkpoint read = Format.Open(folder.File("mixed.onnx"));
        Assert.Equal([kept], read.QuantizedValues.Select(static value => value.Name));
        Runtime.AssertNear(Runtime.Outputs(path, isPlain: true), Runtime.Outputs(folder.File("mixed.onnx"), isPlain: true), Tolerance(name));
    }

    // Where it is so told, a runtime makes the other factor of a product smaller, too (accuracy_level 4).
    private static float Tolerance(string name) => name.Contains("products-symmetric", StringComparison.Ordinal) ? 0.03f : 1e-5f;

    // The runtime is asked for products with the identity, and such sums have no zeros with a sign.
    private static Tensor WithoutNegativeZeros(Tensor tensor)
    {
        float[] numbers = new float[tensor.Shape.ElementCount];
        tensor.Bytes.Read(0, MemoryMarshal.AsBytes(numbers.AsSpan()));
        return new Tensor(tensor.Name, tensor.DType, tensor.Shape, new MemoryBytes(MemoryMarshal.AsBytes<float>(Array.ConvertAll(numbers, static number => number + 0f)).ToArray()));
    }

    private static string Line(Tensor tensor) => $"{tensor} {DequantizationTests.Digest(tensor.Bytes)}";

    private static Dictionary<string, string[]> Expected()
    {
        using JsonDocument listing = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("onnx/dequantized.json")));
        return listing.RootElement.EnumerateObject().ToDictionary(static file => file.Name, static file => file.Value.EnumerateArray().Select(static weight =>
            $"{weight.GetProperty("name").GetString()} {weight.GetProperty("dtype").GetString()} [{string.Join(", ", weight.GetProperty("shape").EnumerateArray())}] {weight.GetProperty("sha256").GetString()}").ToArray());
    }
}
