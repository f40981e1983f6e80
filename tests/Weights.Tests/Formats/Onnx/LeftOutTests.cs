using Weights.Formats;

namespace Weights.Tests.Formats.Onnx;

/// <summary>What is not among a model's tensors is named, and only that.</summary>
public class LeftOutTests
{
    [Fact]
    public void Of_initializers_with_one_name_the_last_counts_and_the_others_are_told()
    {
        using Checkpoint checkpoint = Open("graph-duplicates-differ.onnx");
        Assert.Equal(["b I8 [2]", "last F32 [1]", "w F32 [1]"], checkpoint.Tensors.Select(static tensor => tensor.ToString()));
        Assert.Equal(["w", "b", "w"], checkpoint.LeftOut.Select(static entry => entry.Path));
        Assert.All(checkpoint.LeftOut, static entry => Assert.Contains("a later initializer has the same name", entry.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public void Strings_are_no_numbers()
    {
        using Checkpoint raw = Open("elements-raw.onnx");
        LeftOut entry = Assert.Single(raw.LeftOut);
        Assert.Equal(("string", "strings of shape [2], which are no numbers"), (entry.Path, entry.Reason));
        using Checkpoint list = Open("sequence-strings.pb");
        Assert.Equal(["0"], list.LeftOut.Select(static entry => entry.Path));
        Assert.Equal(["1"], list.Tensors.Select(static tensor => tensor.Name));
    }

    [Fact]
    public void Constants_are_one_entry_that_has_the_tensors()
    {
        using Checkpoint checkpoint = Open("graph-if-in-if.onnx");
        LeftOut entry = Assert.Single(checkpoint.LeftOut);
        Assert.Equal("constants", entry.Path);
        Assert.True(entry.IsPartOfGraph);
        using Checkpoint all = Open("graph-if-in-if.onnx", new ReadOptions { AllTensors = true });
        Assert.Empty(all.LeftOut);
        Assert.Equal(all.Tensors.Select(static tensor => tensor.Name), entry.Tensors.Select(static tensor => tensor.Name));
        Assert.Contains("outer/then_branch/If_2/else_branch/b_w", entry.Tensors.Select(static tensor => tensor.Name));
    }

    [Fact]
    public void All_tensors_begin_with_the_initializers()
    {
        using Checkpoint some = Open("net-torch.onnx");
        using Checkpoint all = Open("net-torch.onnx", new ReadOptions { AllTensors = true });
        Assert.True(all.Tensors.Count > some.Tensors.Count);
        Assert.Equal(some.Tensors.Select(static tensor => tensor.Name), all.Tensors.Take(some.Tensors.Count).Select(static tensor => tensor.Name));
    }

    [Fact]
    public void Maps_in_lists_are_named()
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("onnx/invalid/unsupported-sequence-of-maps.pb"));
        Assert.Empty(checkpoint.Tensors);
        Assert.Equal(["0"], checkpoint.LeftOut.Select(static entry => entry.Path));
    }

    [Theory]
    [InlineData("net-conv.onnx")]
    [InlineData("graph-no-initializers.onnx")]
    [InlineData("graph-sparse.onnx")]
    [InlineData("elements-scalars.onnx")]
    [InlineData("optional-empty.pb")]
    public void Nothing_is_said_to_be_missing_where_all_is_there(string name)
    {
        using Checkpoint checkpoint = Open(name);
        Assert.Empty(checkpoint.LeftOut);
    }

    private static Checkpoint Open(string name, ReadOptions? options = null) => Format.Open(Fixtures.Path($"onnx/valid/{name}"), options ?? new ReadOptions());
}
