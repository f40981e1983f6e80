using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Weights of graphs are packed as a straightforward calculation packs them, and the graph computes with what was measured.</summary>
public class GraphPackingTests
{
    public static TheoryData<string, string, string, string, bool, bool> Cases()
    {
        TheoryData<string, string, string, string, bool, bool> data = [];
        foreach (string name in (string[])["net-weights", "net-quantized-products-zero-points", "net-quantized-static-channels", "net-conv", "net-matmul"])
        {
            // Opset 21 and later has blocks and 8-bit floats.
            bool isNew = name is not ("net-conv" or "net-matmul");
            foreach (bool isAsymmetric in (bool[])[false, true])
            {
                data.Add(name, "qdq", "int8", "channel", isAsymmetric, false);
                data.Add(name, "qdq", "int8", "tensor", isAsymmetric, false);
                data.Add(name, "qdq", "int4", "channel", isAsymmetric, true);
                data.Add(name, "qdq", "int4", "tensor", isAsymmetric, false);
                if (isNew)
                {
                    data.Add(name, "qdq", "int4", "4", isAsymmetric, true);
                    data.Add(name, "qdq", "int8", "8", isAsymmetric, false);
                }
            }
        }
        foreach (string scope in (string[])["channel", "tensor", "4"])
        {
            data.Add("net-weights", "qdq", "fp8", scope, false, false);
        }
        foreach (string name in (string[])["net-weights", "net-quantized-blocks-symmetric"])
        {
            // More than there are inputs, or no multiple of them.
            data.Add(name, "matmulnbits", "int4", "64", true, false);
            data.Add(name, "matmulnbits", "int8", "32", false, true);
            data.Add(name, "qdq", "int8", "7", true, false);
            data.Add(name, "qdq", "int4", "2147483647", false, false);
            data.Add(name, "matmulnbits", "int4", "16", false, false);
            data.Add(name, "matmulnbits", "int4", "16", true, true);
            data.Add(name, "matmulnbits", "int8", "32", true, false);
            data.Add(name, "matmulnbits", "int8", "16", false, false);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_graph_computes_with_weights_that_are_nearest(string name, string layout, string scheme, string scope, bool isAsymmetric, bool isSearched)
    {
        using Checkpoint plain = Plain(name);
        QuantizedCheckpoint packed = plain.Pack(Options(layout, scheme, scope, isAsymmetric, isSearched), []);
        QuantizedTensor[] changed = [.. packed.Tensors.Where(static tensor => tensor.IsChanged)];
        Assert.NotEmpty(changed);
        using TemporaryFolder folder = new();
        QuantizedValueTests.Write(packed.Checkpoint, folder.File("packed.onnx"));
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        DequantizedCheckpoint again = read.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(changed.Select(static tensor => tensor.Source.Name).Order(StringComparer.Ordinal), again.Weights.Select(static weight => weight.Tensor.Name).Order(StringComparer.Ordinal));
        foreach (QuantizedTensor tensor in changed)
        {
            WeightUse use = plain.Graph!.WeightUses[tensor.Source.Name];
            float[] before = Floats(tensor.Source);
            float[] after = InShapeOf(tensor.Source, again.Checkpoint.Find(tensor.Source.Name)!);
            AssertMeasured(tensor, before, after);
            if (!isSearched && scheme != "fp8")
            {
                Assert.Equal(Nearest(before, tensor.Source.Shape, use, ScaleScope.Parse(scope), scheme == "int4" ? 4 : 8, isAsymmetric), after);
            }
        }
        QuantizedValueTests.Write(again.Checkpoint, folder.File("plain.onnx"));
        Runtime.AssertNear(Runtime.Outputs(folder.File("plain.onnx"), isPlain: true), Runtime.Outputs(folder.File("packed.onnx"), isPlain: true), 1e-5f);
    }

    [Fact]
    public void Any_part_of_the_bytes_can_be_read_by_itself()
    {
        using Checkpoint plain = Plain("net-weights");
        Random random = new(3);
        foreach (PackingOptions options in (PackingOptions[])[Options("qdq", "int8", "channel", true), Options("qdq", "int4", "4", true), Options("qdq", "int4", "channel", true), Options("matmulnbits", "int4", "16", true)])
        {
            foreach (Tensor tensor in plain.Pack(options, []).Checkpoint.Tensors.Where(static tensor => tensor.Bytes.Length > 0))
            {
                byte[] all = Bytes(tensor);
                for (int round = 0; round < 20; round++)
                {
                    int start = random.Next(all.Length);
                    byte[] part = new byte[random.Next(all.Length - start) + 1];
                    tensor.Bytes.Read(start, part);
                    Assert.True(all.AsSpan(start, part.Length).SequenceEqual(part), $"{options.Scheme}: {tensor.Name}, {part.Length} bytes at {start}");
                }
            }
        }
    }

    [Theory]
    [InlineData(5000, 37, 1)]
    [InlineData(37, 5000, 1)]
    [InlineData(1024, 300, 128)]
    [InlineData(40, 70000, 1)]
    public void Large_matrices_are_packed_in_tiles(int rows, int columns, int groups)
    {
        Random random = new(rows);
        float[] numbers = [.. Enumerable.Range(0, rows * columns).Select(_ => (random.NextSingle() * 2) - 1)];
        Tensor weight = new("w", DType.F32, new Shape(rows, columns), new MemoryBytes(MemoryMarshal.AsBytes<float>(numbers).ToArray()));
        ScaleScope scope = groups == 1 ? ScaleScope.Channel : ScaleScope.Group(groups);
        WeightUse use = new(1, MatrixFactor.Plain);
        using Checkpoint plain = new([weight], new Origin("memory", "none", "", 0)) { Graph = new GraphSummary { WeightUses = new Dictionary<string, WeightUse> { ["w"] = use } } };
        QuantizedCheckpoint packed = plain.Pack(new PackingOptions { Scheme = PackedScheme.Int8, Layout = PackedLayout.All.Single(static layout => layout.Name == "qdq"), Scope = scope }, []);
        DequantizedCheckpoint again = packed.Checkpoint.Dequantize(new DequantizationOptions(), []);
        float[] after = Floats(again.Checkpoint.Find("w")!);
        Assert.True(Nearest(numbers, weight.Shape, use, scope, 8, isAsymmetric: false).AsSpan().SequenceEqual(after));
        AssertMeasured(packed.Tensors[0], numbers, after);
    }

    [Fact]
    public void What_cannot_be_packed_says_why()
    {
        using Checkpoint plain = Plain("net-weights");
        Dictionary<string, string?> reasons = plain.Pack(Options("matmulnbits", "int4", "32", false), []).Tensors.ToDictionary(static tensor => tensor.Source.Name, static tensor => tensor.Reason);
        Assert.Equal("no matrix that a graph does nothing with but multiply by it", reasons["conv.weight"]);
        Assert.Equal("nothing that the graph uses as a weight alone", reasons["twice.weight"]);
        Assert.Equal("no floating-point numbers", reasons["flat"]);
        Assert.Null(reasons["plain.weight"]);
        Assert.Null(reasons["gemm.weight"]);
        reasons = plain.Pack(Options("qdq", "int4", "32", false), []).Tensors.ToDictionary(static tensor => tensor.Source.Name, static tensor => tensor.Reason);
        Assert.Equal("no matrix, of which alone blocks are made", reasons["conv.weight"]);
        Assert.Equal("rows of 1,073,741,824 are longer than is packed here", plain.Pack(Options("matmulnbits", "int4", "1073741824", false), []).Tensors.Single(static tensor => tensor.Source.Name == "gemm.weight").Reason);
        Assert.Equal("matmulnbits has blocks of a power of two from 16 on, not a scale per channel", Options("matmulnbits", "int4", "channel", false).Problem);
        Assert.Equal("matmulnbits does not hold fp8, but int4, int8", Options("matmulnbits", "fp8", "32", false).Problem);
    }

    private static void AssertMeasured(QuantizedTensor tensor, float[] before, float[] after)
    {
        double largest = before.Zip(after, static (a, b) => Math.Abs((double)b - a)).Max();
        double squares = before.Zip(after, static (a, b) => ((double)b - a) * ((double)b - a)).Sum();
        Assert.Equal(before.Length, tensor.Errors!.Statistics!.Count);
        Assert.Equal(largest, tensor.Errors.Statistics.MaxAbsolute);
        Assert.Equal(Math.Sqrt(squares / before.Length), tensor.Errors.Statistics.RootMeanSquare, 1e-9);
    }

    // One group after the other, each element by itself.
    private static float[] Nearest(float[] numbers, Shape shape, WeightUse use, ScaleScope scope, int bits, bool isAsymmetric)
    {
        int axis = use.OutputAxis;
        long[] strides = shape.ContiguousStrides();
        long GroupOf(long index)
        {
            long channel = index / strides[axis] % shape[axis];
            return scope == ScaleScope.Tensor ? 0 : !scope.IsGroup ? channel : (channel * 100_000) + (index / strides[1 - axis] % shape[1 - axis] / scope.Columns);
        }
        (float lowest, float highest) = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        float[] nearest = new float[numbers.Length];
        foreach (IGrouping<long, int> group in Enumerable.Range(0, numbers.Length).GroupBy(index => GroupOf(index)))
        {
            (float least, float greatest) = (Math.Min(0, group.Min(index => numbers[index])), Math.Max(0, group.Max(index => numbers[index])));
            float scale = isAsymmetric ? (float)((double)greatest - least) / (highest - lowest) : Math.Max(-least, greatest) / ((highest - lowest) / 2);
            float zeroPoint = isAsymmetric ? MathF.Round(Math.Clamp(lowest - (least / scale), lowest, highest)) : 0;
            foreach (int index in group)
            {
                nearest[index] = scale == 0 ? 0 : (Math.Clamp(MathF.Round((numbers[index] / scale) + zeroPoint), lowest, highest) - zeroPoint) * scale;
            }
        }
        return nearest;
    }

    private static PackingOptions Options(string layout, string scheme, string scope, bool isAsymmetric, bool isSearched = false)
    {
        Assert.True(PackedLayout.TryParse(layout, out PackedLayout known) & PackedScheme.TryParse(scheme, out PackedScheme numbers));
        return new PackingOptions { Layout = known, Scheme = numbers, Scope = ScaleScope.Parse(scope), IsAsymmetric = isAsymmetric, Search = isSearched ? ScaleSearching.Mse : ScaleSearching.Absmax };
    }

    private static Checkpoint Plain(string name)
    {
        Checkpoint model = Format.Open(Fixtures.Path($"onnx/valid/{name}.onnx"));
        return model.QuantizedValues.Count == 0 ? model : model.Dequantize(new DequantizationOptions(), []).Checkpoint;
    }

    // The weight of a product is [in, out], whatever the operator had.
    private static float[] InShapeOf(Tensor source, Tensor plain)
    {
        float[] numbers = Floats(plain);
        if (plain.Shape == source.Shape)
        {
            return numbers;
        }
        float[] turned = new float[numbers.Length];
        (int rows, int columns) = ((int)plain.Shape[0], (int)plain.Shape[1]);
        for (int index = 0; index < numbers.Length; index++)
        {
            turned[(index % columns * rows) + (index / columns)] = numbers[index];
        }
        return turned;
    }

    private static float[] Floats(Tensor tensor)
    {
        float[] numbers = new float[tensor.Shape.ElementCount];
        Conversion.Between(tensor.DType, DType.F32)(Bytes(tensor), MemoryMarshal.AsBytes(numbers.AsSpan()));
        return numbers;
    }

    private static byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }
}
