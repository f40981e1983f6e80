using Weights.Formats;
using Weights.Passes.Dialects;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Which nodes are taken for the making of a weight, and which are not.</summary>
public class QuantizedNodeTests
{
    [Fact]
    public void What_is_not_made_of_initializers_alone_is_no_weight()
    {
        Assert.Empty(Values(Node("DequantizeLinear", ["x", "s"], "y")));
        Assert.Empty(Values(Node("DequantizeLinear", ["n", "x"], "y")));
        Assert.Empty(Values(Node("DequantizeLinear", ["n", "s", "x"], "y")));
        Assert.Empty(Values(Node("DequantizeLinear", ["n"], "y")));
        Assert.Empty(Values(Node("DequantizeLinear", [], "y")));
        Assert.Empty(Values(Node("DequantizeLinear", ["n", "s"], "")));
        Assert.Empty(Values(Node("DequantizeLinear", ["n", "s"], "y", "elsewhere")));
        Assert.Empty(Values(Node("QuantizeLinear", ["n", "s"], "y")));
        Assert.Empty(Values(Node("MatMulNBits", ["x", "n", "s"], "y", "", ("K", 4), ("N", 2))));
        Assert.Empty(Values(Node("MatMulNBits", ["x", "x", "s"], "y", "com.microsoft", ("K", 4), ("N", 2))));
        Assert.Empty(Values(Node("MatMulNBits", ["x", "n", "s", "x"], "y", "com.microsoft", ("K", 4), ("N", 2))));
        Assert.Empty(Values(Node("MatMulNBits", ["x", "n", "s", "", "x"], "y", "com.microsoft", ("K", 4), ("N", 2))));
    }

    [Fact]
    public void What_a_node_says_is_kept_as_it_says_it()
    {
        QuantizedValue value = Assert.Single(Values(Node("DequantizeLinear", ["n", "s", ""], "y_DequantizeLinear_Output", "com.microsoft", ("axis", -2), ("block_size", 3), ("output_dtype", 10))));
        Assert.Equal(("y", "n", "s", null, DType.F16, -2L, 3L, new Shape(2, 4)), (value.Name, value.Numbers, value.Scales, value.ZeroPoints, value.DType, value.Axis, value.BlockSize, value.Shape));
        Assert.Equal(1, Assert.Single(Values(Node("DequantizeLinear", ["n", "s"], "y"))).Axis);
        Assert.Equal(DType.F32, Assert.Single(Values(Node("DequantizeLinear", ["n", "s"], "y", "", ("output_dtype", long.MinValue)))).DType);
        QuantizedValue matrix = Assert.Single(Values(Node("MatMulNBits", ["x", "n", "s"], "y", "com.microsoft", ("K", 40), ("N", 3), ("block_size", 16))));
        Assert.Equal((QuantizedValueKind.BlockMatrix, "n.dequantized", new Shape(40, 3), 4L, 16L, DType.F32), (matrix.Kind, matrix.Name, matrix.Shape, matrix.Bits, matrix.BlockSize, matrix.DType));
    }

    [Theory]
    [InlineData(-1, 4)]
    [InlineData(0, 4)]
    [InlineData(4, long.MinValue)]
    [InlineData(long.MaxValue, 2)]
    [InlineData(1L << 40, 1L << 40)]
    public void A_matrix_of_a_size_that_none_has_is_refused(long rows, long columns)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Values(Node("MatMulNBits", ["x", "n", "s"], "y", "com.microsoft", ("K", rows), ("N", columns))));
        Assert.Equal((Fault.Corrupt, "n"), (error.Fault, error.Tensor));
        Assert.Contains($"whose K is {rows} and N {columns}", error.Message, StringComparison.Ordinal);
        Assert.Contains("whose K is not there and N 4", Assert.Throws<WeightFileException>(() => Values(Node("MatMulNBits", ["x", "n", "s"], "y", "com.microsoft", ("N", 4)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_something_has_is_not_given_to_a_weight()
    {
        Assert.Equal("s_DequantizeLinear_Output", Assert.Single(Values(Node("DequantizeLinear", ["n", "s"], "s_DequantizeLinear_Output"))).Name);
        // Nodes that do the same make one weight; others make others.
        Assert.Equal(["a", "a.again"], Values(Node("DequantizeLinear", ["n", "s"], "a_dequantized"), Node("DequantizeLinear", ["n", "s"], "b"), Node("DequantizeLinear", ["n", "s"], "a.again", "", ("axis", 0))).Select(static value => value.Name));
        Assert.Equal(["n", "s"], Assert.Single(Values(Node("DequantizeLinear", ["n", "s"], "y"), Node("Add", ["n", "s"], "z"))).Shared);
        Assert.Empty(Assert.Single(Values(Node("DequantizeLinear", ["n", "s"], "y"), Node("Add", ["y", "y"], "z"))).Shared);
        Assert.Equal(["s"], Assert.Single(Values(Node("MatMulNBits", ["s", "n", "s"], "y", "com.microsoft", ("K", 4), ("N", 2)))).Shared);
    }

    [Fact]
    public void A_model_of_weights_alone_is_recognised_only_if_it_is_one()
    {
        Random random = new(1);
        Tensor[] parts = [QuantizedValueTests.Noise("n", DType.I8, [3, 4], random), QuantizedValueTests.Scales("s", DType.F32, [], random)];
        using Checkpoint packed = new([.. parts, QuantizedValueTests.Noise("plain", DType.I8, [2], random)], new Origin("memory", "none", "", 0))
        {
            QuantizedValues = [new QuantizedValue { Name = "w", Kind = QuantizedValueKind.Linear, Numbers = "n", Scales = "s", Shape = parts[0].Shape, DType = DType.F32 }],
        };
        using TemporaryFolder folder = new();
        QuantizedValueTests.Write(packed, folder.File("packed.onnx"));
        QuantizedValueTests.Write(packed.Dequantize(new DequantizationOptions(), []).Checkpoint, folder.File("plain.onnx"));
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        Assert.Null(read.Graph);
        using Checkpoint plain = Format.Open(folder.File("plain.onnx"));
        Assert.Equal(["w F32 [3, 4]", "plain I8 [2]"], plain.Tensors.Select(static tensor => tensor.ToString()));
        // The same file again, byte for byte.
        QuantizedValueTests.Write(read, folder.File("again.onnx"));
        Assert.Equal(File.ReadAllBytes(folder.File("packed.onnx")), File.ReadAllBytes(folder.File("again.onnx")));
    }

    private static IReadOnlyList<QuantizedValue> Values(params ProtoBuilder[] nodes)
    {
        ProtoBuilder graph = new();
        foreach (ProtoBuilder node in nodes)
        {
            graph.Message(1, node);
        }
        graph.Text(2, "g")
            .Message(5, new ProtoBuilder().Number(1, 2).Number(1, 4).Number(2, 3).Text(8, "n").Bytes(9, new byte[8]))
            .Message(5, new ProtoBuilder().Number(1, 4).Number(2, 1).Text(8, "s").Bytes(9, new byte[16]));
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("model.onnx"), ProtoBuilder.Model(graph));
        using Checkpoint model = Format.Open(folder.File("model.onnx"));
        return model.QuantizedValues;
    }

    private static ProtoBuilder Node(string type, string[] inputs, string output, string domain = "", params (string Name, long Value)[] attributes) => new ProtoBuilder()
        .Repeat(inputs.Length, (builder, index) => builder.Text(1, inputs[index]))
        .Text(2, output)
        .Text(4, type)
        .Repeat(attributes.Length, (builder, index) => builder.Message(5, new ProtoBuilder().Text(1, attributes[index].Name).Number(3, attributes[index].Value).Number(20, 2)))
        .Text(7, domain);
}
