using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Weights of a graph that a pass makes smaller: ONNX Runtime computes with the nodes that are written for them what it computes with the same weights as plain ones.</summary>
public class GraphQuantizationTests
{
    /// <summary>Model, numbers, block size, or -1 for one scale.</summary>
    public static TheoryData<string, string, int> Layouts()
    {
        TheoryData<string, string, int> data = [];
        foreach ((string name, bool isNew) in (ReadOnlySpan<(string, bool)>)[("net-conv", false), ("net-matmul", false), ("net-torch", false), ("net-quantized-products-zero-points", true), ("net-quantized-static-channels", true), ("net-weights", true)])
        {
            data.Add(name, "I8", -1);
            data.Add(name, "U8", 0);
            data.Add(name, "I4", 0);
            data.Add(name, "U4", -1);
            if (isNew)
            {
                data.Add(name, "U4", 16);
                data.Add(name, "I8", 8);
                if (name == "net-weights")
                {
                    data.Add(name, "F8_E4M3", 0);
                }
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Nodes_give_the_weights_to_the_graph(string name, string numbersType, int blockSize)
    {
        Assert.True(DType.TryParse(numbersType, out DType numbers));
        using TemporaryFolder folder = new();
        using Checkpoint plain = Plain(name);
        string[] weights = [.. plain.Graph!.WeightUses.Keys.Where(weight => plain.Find(weight)!.Shape.Rank >= 2)];
        Assert.NotEmpty(weights);
        using Checkpoint packed = weights.Aggregate(plain, (checkpoint, weight) => PackLinear(checkpoint, weight, numbers, DType.F32, plain.Graph.WeightUses[weight].OutputAxis, blockSize));
        AssertComputesTheSame(packed, folder, weights);
    }

    [Theory]
    [InlineData("net-weights", 4)]
    [InlineData("net-weights", 8)]
    [InlineData("net-matmul", 4)]
    [InlineData("net-conv", 4)] // One Gemm.
    [InlineData("net-quantized-blocks-zero-points", 4)] // From one layout to another.
    [InlineData("net-quantized-products-symmetric", 8)]
    public void Products_by_matrices_become_products_by_packed_ones(string name, int bits)
    {
        using TemporaryFolder folder = new();
        using Checkpoint plain = Plain(name);
        string[] weights = [.. plain.Graph!.WeightUses.Where(static use => use.Value.Factor != MatrixFactor.None).Select(static use => use.Key)];
        Assert.NotEmpty(weights);
        using Checkpoint packed = weights.Aggregate(plain, (checkpoint, weight) =>
        {
            Shape shape = plain.Find(weight)!.Shape;
            bool isTurned = plain.Graph.WeightUses[weight].Factor == MatrixFactor.Transposed;
            return ProductTests.Pack(checkpoint, weight, bits, "packed", DType.F32, (int)shape[isTurned ? 1 : 0], (int)shape[isTurned ? 0 : 1], 16);
        });
        AssertComputesTheSame(packed, folder, weights);
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        Assert.Equal(weights.Length, read.Graph!.Operators.Single(static entry => entry.Key == "com.microsoft.MatMulNBits").Value);
    }

    [Fact]
    public void A_graph_tells_which_of_its_tensors_are_weights_and_along_which_axis()
    {
        using Checkpoint model = Format.Open(Fixtures.Path("onnx/valid/net-weights.onnx"));
        Assert.Equal(
            [
                "conv.weight 0 None", "gemm.weight 0 Transposed", "out.weight 1 Plain", "plain.weight 1 Plain", "stack.weight 2 None", "table 0 None", "up.weight 1 None",
            ],
            model.Graph!.WeightUses.Select(static use => $"{use.Key} {use.Value.OutputAxis} {use.Value.Factor}").Order(StringComparer.Ordinal));
        using Checkpoint quantized = Format.Open(Fixtures.Path("onnx/valid/net-quantized-static-channels.onnx"));
        Assert.Equal(["conv.weight 0 None", "fc.weight 1 Plain"], quantized.Graph!.WeightUses.Select(static use => $"{use.Key} {use.Value.OutputAxis} {use.Value.Factor}").Order(StringComparer.Ordinal));
        using Checkpoint products = Format.Open(Fixtures.Path("onnx/valid/net-quantized-products-symmetric.onnx"));
        Assert.Equal(["down.weight 1 Plain", "up.weight 1 Plain"], products.Graph!.WeightUses.Select(static use => $"{use.Key} {use.Value.OutputAxis} {use.Value.Factor}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_the_operators_of_the_graph_cannot_is_refused()
    {
        using TemporaryFolder folder = new();
        using Checkpoint plain = Plain("net-conv");
        AssertRefused(PackLinear(plain, "fc.weight", DType.I8, DType.F32, 0, 2), "fc.weight", "in blocks by the operators of this graph (ai.onnx 17), but only by those of version 21 and later; take a scale per channel");
        AssertRefused(PackLinear(plain, "fc.weight", DType.F8E4M3, DType.F32, 0, 0), "fc.weight", "cannot be made of F8_E4M3 with scales of F32 by the operators of this graph (ai.onnx 17), but only by those of version 19 and later; take 8-bit integers");
        AssertRefused(ProductTests.Pack(plain, "conv.weight", 4, "none", DType.F32, 27, 4, 16), "conv.weight", "is used by Conv '/conv/Conv'");
        AssertRefused(ProductTests.Pack(plain, "fc.weight", 4, "none", DType.F32, 5, 4, 16), "fc.weight", "has the shape [5, 4], but the graph is made for [4, 5]");
        AssertRefused(ProductTests.Pack(plain, "fc.weight", 4, "none", DType.F16, 4, 5, 16), "fc.weight", "has scales of F16, but the graph multiplies it as F32");
        Checkpoint strange = PackLinear(plain, "fc.weight", DType.I8, DType.F32, 0, 0);
        AssertRefused(strange.WithQuantizedValues([strange.QuantizedValues[0] with { Name = "strange" }]), "strange", "the graph has no initializer of its name");
        Ledger ledger = [];
        Format.Onnx.Layout(PackLinear(plain, "fc.weight", DType.I4, DType.F32, 0, 0), "model.onnx", new WriteOptions(), ledger);
        Assert.Contains("ONNX Runtime's own", Assert.Single(ledger, static entry => entry.Subject == "fc.weight").Reason, StringComparison.Ordinal);
        using Checkpoint loose = new(plain.Tensors, new Origin("memory", "none", "", 0));
        AssertRefused(ProductTests.Pack(loose, "fc.weight", 4, "none", DType.F32, 4, 5, 16), "fc.weight", "is for the products of a graph");
    }

    [Fact]
    public void Under_other_names_and_beside_the_model_they_are_the_same()
    {
        using TemporaryFolder folder = new();
        using Checkpoint plain = Plain("net-weights");
        Checkpoint packed = PackLinear(PackLinear(plain, "out.weight", DType.I4, DType.F32, 1, 0), "conv.weight", DType.I8, DType.F32, 0, -1);
        Checkpoint renamed = packed.Rename([RenameRule.Parse("^=other/")], []);
        QuantizedValueTests.Write(packed, folder.File("packed.onnx"));
        QuantizedValueTests.Write(renamed, folder.File("renamed.onnx"));
        using Output output = new(folder.File("outside.onnx"), replace: false);
        output.Write(Format.Onnx.Layout(renamed, "outside.onnx", new WriteOptions { Placement = ElementPlacement.External }, []));
        output.Commit();
        byte[][] expected = Runtime.Outputs(folder.File("packed.onnx"), isPlain: true);
        Assert.Equal(expected, Runtime.Outputs(folder.File("renamed.onnx"), isPlain: true));
        Assert.Equal(expected, Runtime.Outputs(folder.File("outside.onnx"), isPlain: true));
        using Checkpoint read = Format.Open(folder.File("outside.onnx"));
        Assert.Equal(["conv.weight", "out.weight"], read.QuantizedValues.Select(static value => value.Name).Order(StringComparer.Ordinal));
        Assert.All(read.QuantizedValues, static value => Assert.All(value.Parts, static part => Assert.StartsWith("other/", part, StringComparison.Ordinal)));
    }

    [Fact]
    public void Inner_graphs_use_the_weight_that_takes_the_place_of_its_parts()
    {
        string path = Fixtures.Path("onnx/valid/net-quantized-inner.onnx");
        using Checkpoint model = Format.Open(path);
        // The name without the suffix is that of a value in an inner graph.
        Assert.Equal(["w_DequantizeLinear_Output"], model.QuantizedValues.Select(static value => value.Name));
        Assert.Empty(model.Graph!.WeightUses);
        using TemporaryFolder folder = new();
        Checkpoint plain = model.Dequantize(new DequantizationOptions(), []).Checkpoint;
        QuantizedValueTests.Write(plain, folder.File("plain.onnx"));
        QuantizedValueTests.Write(plain.Rename([RenameRule.Parse("^=other/")], []), folder.File("renamed.onnx"));
        QuantizedValueTests.Write(PackLinear(plain, plain.Tensors[0].Name, DType.I8, DType.F32, 1, 0), folder.File("packed.onnx"));
        byte[][] expected = Runtime.Outputs(path, isPlain: true);
        Assert.Equal(expected, Runtime.Outputs(folder.File("plain.onnx"), isPlain: true));
        Assert.Equal(expected, Runtime.Outputs(folder.File("renamed.onnx"), isPlain: true));
        using Checkpoint packed = Format.Open(folder.File("packed.onnx"));
        Assert.Equal(["w_DequantizeLinear_Output"], packed.QuantizedValues.Select(static value => value.Name));
        Assert.NotEmpty(Runtime.Outputs(folder.File("packed.onnx"), isPlain: true));
    }

    [Fact]
    public void An_initializer_that_was_an_input_is_none_any_more()
    {
        using TemporaryFolder folder = new();
        using Checkpoint model = Format.Open(Fixtures.Path("onnx/valid/graph-ir-3.onnx"));
        Ledger ledger = [];
        using Checkpoint packed = PackLinear(model, "w", DType.I8, DType.F32, 0, -1);
        using Output output = new(folder.File("packed.onnx"), replace: false);
        output.Write(Format.Onnx.Layout(packed, "packed.onnx", new WriteOptions(), ledger));
        output.Commit();
        Assert.Contains(ledger, static entry => entry.Subject == "w" && entry.Reason.StartsWith("is no longer an input of the graph", StringComparison.Ordinal));
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        Assert.Equal(4, read.Graph!.IrVersion);
        QuantizedValueTests.Write(read.Dequantize(new DequantizationOptions(), []).Checkpoint, folder.File("plain.onnx"));
        Assert.Equal(Runtime.Outputs(folder.File("plain.onnx"), isPlain: true), Runtime.Outputs(folder.File("packed.onnx"), isPlain: true));
    }

    [Fact]
    public void Parts_that_something_else_needs_stay()
    {
        // One scale and one zero point for two weights, and for what comes in.
        using Checkpoint model = Format.Open(Fixtures.Path("onnx/valid/net-quantized-shared-parts.onnx"));
        Assert.Equal(["one", "other"], model.QuantizedValues.Select(static value => value.Name));
        using TemporaryFolder folder = new();
        byte[][] expected = Runtime.Outputs(Fixtures.Path("onnx/valid/net-quantized-shared-parts.onnx"), isPlain: true);
        foreach (string[] kept in (string[][])[[], ["one"], ["other"]])
        {
            Checkpoint plain = model.Dequantize(new DequantizationOptions { Exclude = [.. kept.Select(Glob.Parse)] }, []).Checkpoint;
            string file = folder.File($"{string.Join('-', kept)}.onnx");
            QuantizedValueTests.Write(plain, file);
            Assert.Equal(expected, Runtime.Outputs(file, isPlain: true));
            using Checkpoint read = Format.Open(file);
            Assert.Equal(kept, read.QuantizedValues.Select(static value => value.Name));
            Assert.NotNull(read.Find("zero"));
            Assert.Equal(kept.Length > 0, read.Find("scale") is not null);
        }
    }

    private static Checkpoint Plain(string name)
    {
        string path = Fixtures.Path($"onnx/valid/{name}.onnx");
        Checkpoint model = Format.Open(path);
        return model.QuantizedValues.Count == 0 ? model : model.Dequantize(new DequantizationOptions(), []).Checkpoint;
    }

    private static void AssertRefused(Checkpoint checkpoint, string tensor, string reason)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Onnx.Layout(checkpoint, "model.onnx", new WriteOptions(), []));
        Assert.Equal((Fault.Unsupported, tensor), (error.Fault, error.Tensor));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    // The weights as they come out of the packed ones, in the model that was read: what is computed with them is what counts.
    private static void AssertComputesTheSame(Checkpoint packed, TemporaryFolder folder, string[] weights)
    {
        QuantizedValueTests.Write(packed, folder.File("packed.onnx"));
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        Assert.Equal(weights.Order(StringComparer.Ordinal), read.QuantizedValues.Select(static value => value.Name).Order(StringComparer.Ordinal));
        DequantizedCheckpoint plain = read.Dequantize(new DequantizationOptions(), []);
        QuantizedValueTests.Write(plain.Checkpoint, folder.File("plain.onnx"));
        Runtime.AssertNear(Runtime.Outputs(folder.File("plain.onnx"), isPlain: true), Runtime.Outputs(folder.File("packed.onnx"), isPlain: true), 1e-5f);
    }

    // Any numbers, with zero points for those without a sign.
    private static Checkpoint PackLinear(Checkpoint plain, string name, DType numbers, DType scalesType, int axis, int blockSize)
    {
        Tensor weight = plain.Find(name)!;
        long[] shape = weight.Shape.Dimensions.ToArray();
        long[] grid = blockSize < 0 ? [] : blockSize == 0 ? [shape[axis]] : [.. shape.Select((size, index) => index == axis ? (size + blockSize - 1) / blockSize : size)];
        Random random = new(shape.Length);
        List<Tensor> parts = [QuantizedValueTests.Noise($"{name}_quantized", numbers, shape, random), QuantizedValueTests.Scales($"{name}_scale", scalesType, grid, random)];
        if (numbers.Kind == DTypeKind.Unsigned)
        {
            parts.Add(QuantizedValueTests.Noise($"{name}_zero_point", numbers, grid, random));
        }
        QuantizedValue value = new()
        {
            Name = name,
            Kind = QuantizedValueKind.Linear,
            Numbers = parts[0].Name,
            Scales = parts[1].Name,
            ZeroPoints = parts.Count > 2 ? parts[2].Name : null,
            Shape = weight.Shape,
            DType = scalesType,
            Axis = axis,
            BlockSize = Math.Max(blockSize, 0),
        };
        return plain.With(plain.Tensors.SelectMany(tensor => tensor.Name == name ? parts : [tensor])).WithQuantizedValues([.. plain.QuantizedValues, value]);
    }
}
