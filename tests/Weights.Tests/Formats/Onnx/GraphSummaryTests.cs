using Weights.Formats;

namespace Weights.Tests.Formats.Onnx;

public class GraphSummaryTests
{
    [Fact]
    public void A_network_is_described_by_versions_inputs_outputs_and_operators()
    {
        GraphSummary graph = Of("net-conv.onnx");
        Assert.Equal(("g", "fixtures", 8L, null), (graph.Name, graph.Producer, graph.IrVersion, graph.ModelVersion));
        Assert.Equal(["ai.onnx 17"], graph.OperatorSets.Select(static set => $"{set.Key} {set.Value}"));
        Assert.Equal(["x FLOAT [batch, 3, 6, 6]"], graph.Inputs.Select(Text));
        Assert.Equal(["y FLOAT [batch, 5]"], graph.Outputs.Select(Text));
        Assert.Equal(["BatchNormalization 1", "Conv 1", "Flatten 1", "Gemm 1", "GlobalAveragePool 1", "Relu 1"], graph.Operators.Select(static entry => $"{entry.Key} {entry.Value}"));
        Assert.Equal((6, 0), (graph.Nodes, graph.InnerNodes));
    }

    [Fact]
    public void An_exported_network_names_its_exporter()
    {
        GraphSummary graph = Of("net-torch.onnx");
        Assert.Equal(("main_graph", "pytorch 2.6.0"), (graph.Name, graph.Producer));
        Assert.Equal(["x FLOAT [batch, 1, 6, 6]"], graph.Inputs.Select(Text));
        Assert.Equal(graph.Nodes, graph.Operators.Sum(static entry => entry.Value));
        Assert.Equal(graph.Operators.Select(static entry => entry.Value).OrderDescending(), graph.Operators.Select(static entry => entry.Value));
    }

    [Fact]
    public void Before_version_4_weights_are_inputs_but_not_listed_as_such()
    {
        GraphSummary graph = Of("graph-ir-3.onnx");
        Assert.Equal(3, graph.IrVersion);
        Assert.Equal(["x FLOAT [N, 2]"], graph.Inputs.Select(Text));
        Assert.Equal(["y FLOAT [N, ?]"], graph.Outputs.Select(Text));
    }

    [Fact]
    public void Nodes_of_inner_graphs_and_of_functions_are_counted_apart()
    {
        // Two branches of two nodes, and in the first a node with two branches of two.
        GraphSummary nested = Of("graph-if-in-if.onnx");
        Assert.Equal((1, 9), (nested.Nodes, nested.InnerNodes));
        Assert.Equal(["If 1"], nested.Operators.Select(static entry => $"{entry.Key} {entry.Value}"));
        GraphSummary functions = Of("graph-functions.onnx");
        Assert.Equal((2, 6), (functions.Nodes, functions.InnerNodes));
        Assert.Equal(["Add 1", "local.Twice 1"], functions.Operators.Select(static entry => $"{entry.Key} {entry.Value}"));
        Assert.Equal(["ai.onnx 17", "local 1"], functions.OperatorSets.Select(static set => $"{set.Key} {set.Value}"));
    }

    [Fact]
    public void Inputs_that_are_no_tensors_say_what_they_are()
    {
        GraphSummary graph = Of("graph-types.onnx");
        Assert.Equal(["list sequence of INT64", "maybe optional FLOAT", "thin sparse DOUBLE [3, k]", "table map from STRING to FLOAT", "untyped unknown"], graph.Inputs.Select(Text));
        Assert.Equal(["out INT64"], graph.Outputs.Select(Text)); // Of unknown rank, which is not that of a scalar.
        Assert.Equal(["Identity 1", "ai.onnx.ml.Scaler 1"], graph.Operators.Select(static entry => $"{entry.Key} {entry.Value}"));
    }

    [Fact]
    public void A_models_own_version_is_told_where_it_has_one()
    {
        GraphSummary graph = Of("graph-metadata.onnx");
        Assert.Equal((10L, 3L, "fixtures 1.2"), (graph.IrVersion, graph.ModelVersion, graph.Producer));
        Assert.Null(Of("wire-no-ir-version.onnx").IrVersion);
    }

    [Theory]
    [InlineData("tensor-float.pb", "single tensor")]
    [InlineData("sequence-nested.pb", "sequence of tensors")]
    [InlineData("net-conv.onnx", "IR version 8, opset 17")]
    [InlineData("external/one-file.onnx", "IR version 10, opset 21, elements in another file")]
    [InlineData("external/several-files.onnx", "IR version 10, opset 21, elements in 4 other files")]
    public void The_origin_says_what_kind_of_file_it_was(string name, string variant)
    {
        string path = Fixtures.Path($"onnx/valid/{name}");
        using Checkpoint checkpoint = Format.Open(path);
        Assert.Equal(variant, checkpoint.Origin.Variant);
        Assert.Equal(name.EndsWith(".pb", StringComparison.Ordinal), checkpoint.Graph is null);
        if (checkpoint.Origin.FileBytes != new FileInfo(path).Length)
        {
            Assert.Contains("other file", variant, StringComparison.Ordinal);
        }
    }

    private static GraphSummary Of(string name)
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path($"onnx/valid/{name}"));
        return Assert.IsType<GraphSummary>(checkpoint.Graph);
    }

    private static string Text(GraphValue value) => $"{value.Name} {value.Type}{(value.Dimensions is { } dimensions ? $" [{string.Join(", ", dimensions)}]" : "")}";
}
