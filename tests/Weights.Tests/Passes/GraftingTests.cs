using System.Text;
using Weights.Passes;
using static Weights.Tests.Passes.ContentMatchTests;

namespace Weights.Tests.Passes;

public class GraftingTests
{
    [Fact]
    public void Names_a_map_and_old_values_each_find_their_tensors()
    {
        Tensor[] old = [Noise("fc.weight", 1, 4, 3), Noise("fc.bias", 2, 4), Noise("conv.weight", 3, 2, 3, 1, 1), Noise("half", 4, 5), Noise("mapped", 5, 2, 3)];
        Tensor[] tuned = [.. old.Select(static (tensor, index) => Noise(tensor.Name, 100 + index, tensor.Shape.Dimensions.ToArray()))];
        using Checkpoint model = Samples.Checkpoint(
            Permuted("onnx::MatMul_7", old[0], 1, 0), old[1], Other("onnx::Conv_9", new Shape(2, 3), old[2]), Cast("h", old[3], DType.F16), Noise("m", 50, 3, 2), Noise("folded", 51, 9));
        using Checkpoint weights = Samples.Checkpoint(tuned);
        using Checkpoint before = Samples.Checkpoint(old);
        Ledger ledger = new();
        GraftResult result = model.Graft(weights, new GraftOptions { Old = before, Map = Map("m = mapped transposed") }, ledger);
        Assert.Equal(model.Tensors.Select(static tensor => tensor.ToString()), result.Checkpoint.Tensors.Select(static tensor => tensor.ToString()));
        Assert.Equal(
            ["onnx::MatMul_7 fc.weight Content transposed", "fc.bias fc.bias Name as it is", "onnx::Conv_9 conv.weight Content reshaped [2, 3, 1, 1] to [2, 3]", "h half Content cast F32 to F16", "m mapped Map transposed"],
            result.Replaced.Select(static grafted => $"{grafted.Tensor.Name} {grafted.From.Name} {grafted.By} {grafted.Relation}"));
        AssertBytes(Permuted("x", tuned[0], 1, 0), result, "onnx::MatMul_7");
        AssertBytes(tuned[1], result, "fc.bias");
        AssertBytes(tuned[2], result, "onnx::Conv_9");
        AssertBytes(Cast("x", tuned[3], DType.F16), result, "h");
        AssertBytes(Permuted("x", tuned[4], 1, 0), result, "m");
        AssertBytes(model.Find("folded")!, result, "folded");
        Assert.Equal([(LedgerKind.Kept, "folded")], ledger.Select(static entry => (entry.Kind, entry.Subject)));
        Assert.Equal(model.Metadata, result.Checkpoint.Metadata);
        Assert.Empty(result.Unused);
    }

    [Fact]
    public void A_map_wins_over_a_name_and_what_is_left_over_is_said()
    {
        using Checkpoint model = Samples.Named("a", "b", "c");
        using Checkpoint weights = Samples.Checkpoint(Samples.Tensor("a", DType.F32, 10, 11), Samples.Tensor("b", DType.F32, 20, 21), Samples.Tensor("d", DType.F32, 30, 31));
        Ledger ledger = new();
        GraftResult result = model.Graft(weights, new GraftOptions { Map = Map("# swapped\na\tb\n\n b = a \n") }, ledger);
        Assert.Equal([20, 21, 10, 11, 2, 2.5], result.Checkpoint.Tensors.SelectMany(static tensor => tensor.Values()));
        Assert.Equal([(LedgerKind.Kept, "c"), (LedgerKind.LeftOut, "d")], ledger.Select(static entry => (entry.Kind, entry.Subject)));
    }

    [Fact]
    public void A_square_matrix_of_the_same_name_is_turned_if_its_old_values_were()
    {
        Tensor before = Noise("w", 1, 4, 4);
        Tensor tuned = Noise("w", 2, 4, 4);
        using Checkpoint model = Samples.Checkpoint(Permuted("w", before, 1, 0));
        GraftResult result = model.Graft(Samples.Checkpoint(tuned), new GraftOptions { Old = Samples.Checkpoint(before) }, new Ledger());
        Assert.Equal("transposed", result.Replaced.Single().Relation.ToString());
        AssertBytes(Permuted("w", tuned, 1, 0), result, "w");
        AssertBytes(tuned, model.Graft(Samples.Checkpoint(tuned), new GraftOptions(), new Ledger()), "w");
    }

    [Fact]
    public void What_several_old_tensors_could_be_is_kept_unless_their_new_values_are_equal()
    {
        using Checkpoint model = Samples.Checkpoint(Samples.Tensor("zeros", DType.F32, 0, 0, 0), Noise("w", 1, 2));
        using Checkpoint old = Samples.Checkpoint(Samples.Tensor("a.bias", DType.F32, 0, 0, 0), Samples.Tensor("b.bias", DType.F32, 0, 0, 0), Noise("w", 1, 2));
        using Checkpoint different = Samples.Checkpoint(Samples.Tensor("a.bias", DType.F32, 1, 2, 3), Samples.Tensor("b.bias", DType.F32, 4, 5, 6), Noise("w", 2, 2));
        Ledger ledger = new();
        GraftResult kept = model.Graft(different, new GraftOptions { Old = old }, ledger);
        Assert.Equal(["a.bias", "b.bias"], kept.Kept.Single().Candidates.Select(static candidate => candidate.Name));
        Assert.Contains("nothing tells which", ledger.First().Reason);
        AssertBytes(model.Find("zeros")!, kept, "zeros");
        using Checkpoint equal = Samples.Checkpoint(Samples.Tensor("a.bias", DType.F32, 1, 2, 3), Samples.Tensor("b.bias", DType.F32, 1, 2, 3), Noise("w", 2, 2));
        GraftResult replaced = model.Graft(equal, new GraftOptions { Old = old }, new Ledger());
        AssertBytes(equal.Find("a.bias")!, replaced, "zeros");
    }

    [Fact]
    public void Names_that_are_one_tensor_stay_one_only_if_their_new_values_are()
    {
        Alias tie = new("head", "embed", AliasKind.Same);
        using Checkpoint model = Samples.Checkpoint(Noise("embed", 1, 3), Noise("head", 1, 3)).WithAliases(tie);
        GraftResult both = model.Graft(Samples.Checkpoint(Noise("embed", 2, 3)), new GraftOptions(), new Ledger());
        Assert.Equal([GraftMethod.Name, GraftMethod.Tie], both.Replaced.Select(static grafted => grafted.By));
        Assert.Equal([tie], both.Checkpoint.Aliases);
        GraftResult equal = model.Graft(Samples.Checkpoint(Noise("embed", 2, 3), Noise("head", 2, 3)), new GraftOptions(), new Ledger());
        Assert.Equal([tie], equal.Checkpoint.Aliases);
        Ledger ledger = new();
        GraftResult apart = model.Graft(Samples.Checkpoint(Noise("embed", 2, 3), Noise("head", 3, 3)), new GraftOptions(), ledger);
        Assert.Empty(apart.Checkpoint.Aliases);
        Assert.Equal(LedgerKind.Untied, ledger.Single().Kind);
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_both_tensors_and_the_remedy()
    {
        using Checkpoint model = Samples.Checkpoint(Noise("w", 1, 3, 2), Noise("v", 1, 3));
        Assert.Contains("'w = w transposed'", Refusal(model, Noise("w", 2, 2, 3)));
        Assert.Contains("is F32 [3, 2], but 'w' of sample, which is to go there, is F32 [2, 3]", Refusal(model, Noise("w", 2, 2, 3)));
        Assert.Contains("--cast F16=F32", Refusal(model, Cast("w", Noise("w", 2, 3, 2), DType.F16)));
        Assert.Contains("1 more does not fit", Refusal(model, Noise("w", 2, 9, 9), Noise("v", 2, 9)));
        Assert.Contains("none of the 2 tensors", Refusal(model, Noise("x", 2, 3, 2)));
    }

    [Fact]
    public void Only_what_is_asked_for_is_replaced_and_the_rest_is_not_held_against_it()
    {
        using Checkpoint model = Samples.Named("a", "b");
        Ledger ledger = new();
        GraftResult result = model.Graft(Samples.Checkpoint(Samples.Tensor("a", DType.F32, 8, 9), Samples.Tensor("b", DType.F32, 8, 9)), new GraftOptions { IsReplaced = static name => name == "b" }, ledger);
        Assert.Equal([0, 0.5, 8, 9], result.Checkpoint.Tensors.SelectMany(static tensor => tensor.Values()));
        Assert.Empty(ledger);
    }

    [Theory]
    [InlineData("a = x\nnobody = x", "line 2", "no tensor 'nobody'")]
    [InlineData("# c\n\na = nothing", "line 3", "no tensor 'nothing'")]
    [InlineData("a", "line 1", "is not of the form")]
    [InlineData("a = b = c", "line 1", "is not of the form")]
    [InlineData("a = x\na = y", "line 2", "on line 1 already")]
    [InlineData("{\"a\": \"x\",\n \"nobody\": \"x\"}", "line 2", "no tensor 'nobody'")]
    [InlineData("{\"a\": {\"transpose\": true}}", "line 1", "neither a name nor")]
    [InlineData("{\"a\": 3}", "line 1", "neither a name nor")]
    [InlineData("{\n\"a\": \"x\"", "line 2", "is not JSON")]
    [InlineData("{\"a\": \"x\"} and more", "line 1", "is not JSON")]
    public void A_map_that_cannot_be_meant_is_refused_by_its_line(string text, string line, string says)
    {
        using Checkpoint model = Samples.Named("a");
        using Checkpoint weights = Samples.Named("x", "y");
        WeightFileException error = Assert.Throws<WeightFileException>(() => model.Graft(weights, new GraftOptions { Map = Map(text) }, new Ledger()));
        Assert.Equal("map.txt", error.File);
        Assert.Contains(line, error.Message);
        Assert.Contains(says, error.Message);
    }

    [Fact]
    public void A_map_in_JSON_says_what_lines_say()
    {
        GraftMap map = Map("""{"a = 1": "x", "b": {"from": "y", "transpose": true}, "c": {"from": "z"}}""");
        Assert.Equal([new GraftMap.Entry(1, "a = 1", "x", false), new GraftMap.Entry(1, "b", "y", true), new GraftMap.Entry(1, "c", "z", false)], map.Entries);
        Assert.Equal([new GraftMap.Entry(1, "a = 1", "x", true)], Map("a = 1\tx transposed\r\n").Entries);
    }

    private static GraftMap Map(string text) => GraftMap.Parse(Encoding.UTF8.GetBytes(text), "map.txt");

    private static string Refusal(Checkpoint model, params Tensor[] weights) =>
        Assert.Throws<WeightFileException>(() => model.Graft(Samples.Checkpoint(weights), new GraftOptions(), new Ledger())).Message;

    private static void AssertBytes(Tensor expected, GraftResult result, string name) =>
        Assert.Equal(expected.Bytes.AllBytes(), result.Checkpoint.Find(name)!.Bytes.AllBytes());
}
