using Weights.Passes;
using static Weights.Tests.Passes.ContentMatchTests;

namespace Weights.Tests.Passes;

public class NamesFromTests
{
    private static readonly Tensor s_weight = Noise("fc.weight", 1, 4, 3);
    private static readonly Tensor s_conv = Noise("conv.weight", 2, 2, 3, 1, 1);
    private static readonly Tensor s_bias = Noise("fc.bias", 3, 4);

    [Fact]
    public void Tensors_become_what_they_are_in_the_other_checkpoint()
    {
        using Checkpoint graph = Samples.Checkpoint(Noise("constant", 9, 5), Other("onnx::Conv_1", new Shape(2, 3), s_conv), Permuted("onnx::MatMul_2", s_weight, 1, 0), Cast("h", s_bias, DType.F16));
        using Checkpoint names = Samples.Checkpoint(s_weight, s_bias, s_conv, Noise("unused", 10, 7));
        Ledger ledger = new();
        Checkpoint named = graph.NameAs(names, asThere: true, ledger);
        Assert.Equal(["fc.weight F32 [4, 3]", "fc.bias F16 [4]", "conv.weight F32 [2, 3, 1, 1]", "constant F32 [5]"], named.Tensors.Select(static tensor => tensor.ToString()));
        Assert.Equal(s_weight.Values(), named.Find("fc.weight")!.Values());
        Assert.Equal(s_conv.Values(), named.Find("conv.weight")!.Values());
        Assert.Equal(
            [
                (LedgerKind.Renamed, "3 tensors (onnx::Conv_1, onnx::MatMul_2, h)"),
                (LedgerKind.Kept, "constant"),
                (LedgerKind.Restated, "conv.weight"),
                (LedgerKind.Restated, "fc.weight"),
                (LedgerKind.Kept, "fc.bias"),
                (LedgerKind.LeftOut, "unused"),
            ],
            ledger.Select(static entry => (entry.Kind, entry.Subject)));
    }

    [Fact]
    public void Where_a_graph_is_kept_only_names_change()
    {
        using Checkpoint graph = Samples.Checkpoint(Permuted("b", s_weight, 1, 0), s_bias.Rename("a"));
        Checkpoint named = graph.NameAs(Samples.Checkpoint(s_bias, s_weight), asThere: false, new Ledger());
        Assert.Equal(["fc.weight F32 [3, 4]", "fc.bias F32 [4]"], named.Tensors.Select(static tensor => tensor.ToString()));
        Assert.Equal(graph.Tensors[0].Values(), named.Tensors[0].Values());
    }

    [Fact]
    public void A_tied_tensor_gets_the_first_name_and_the_other_is_its_alias()
    {
        Alias tie = new("head", "embed", AliasKind.Same);
        using Checkpoint names = Samples.Checkpoint(s_weight.Rename("embed"), s_bias, s_weight.Rename("head")).WithAliases(tie);
        using Checkpoint graph = Samples.Checkpoint(s_bias.Rename("b"), s_weight.Rename("w"));
        Checkpoint named = graph.NameAs(names, asThere: true, new Ledger());
        Assert.Equal(["embed", "fc.bias", "head"], named.Names());
        Assert.Equal([tie], named.Aliases);
        Ledger ledger = new();
        Checkpoint kept = graph.NameAs(names, asThere: false, ledger);
        Assert.Equal(["fc.bias", "embed"], kept.Names());
        Assert.Contains(ledger, static entry => entry.Kind == LedgerKind.LeftOut && entry.Subject == "head");
    }

    [Fact]
    public void An_alias_is_of_the_earlier_name_in_the_new_order()
    {
        using Checkpoint graph = Samples.Checkpoint(s_weight.Rename("one"), s_weight.Rename("embed"), s_bias).WithAliases(new Alias("embed", "one", AliasKind.Same));
        Checkpoint named = graph.NameAs(Samples.Checkpoint(s_bias, s_weight.Rename("embed")), asThere: true, new Ledger());
        Assert.Equal(["fc.bias", "embed", "one"], named.Names());
        Assert.Equal([new Alias("one", "embed", AliasKind.Same)], named.Aliases);
    }

    [Fact]
    public void Equal_contents_are_dealt_out_for_a_state_dict_and_left_alone_in_a_graph()
    {
        Tensor Zeros(string name) => Samples.Tensor(name, DType.F32, 0, 0, 0);
        using Checkpoint names = Samples.Checkpoint(Zeros("a.bias"), Zeros("b.bias"), Zeros("c.bias"), s_bias);
        using Checkpoint graph = Samples.Checkpoint(Zeros("x"), Zeros("b.bias"), s_bias.Rename("y"));
        Checkpoint named = graph.NameAs(names, asThere: true, new Ledger());
        Assert.Equal(["a.bias", "b.bias", "c.bias", "fc.bias"], named.Names());
        Assert.Empty(named.Aliases);
        Ledger ledger = new();
        Assert.Equal(["x", "b.bias", "fc.bias"], graph.NameAs(names, asThere: false, ledger).Names());
        Assert.Contains(ledger, static entry => entry.Kind == LedgerKind.Kept && entry.Reason.Contains("nothing tells which"));
    }

    [Fact]
    public void A_name_that_somebody_else_has_is_refused_and_so_is_a_checkpoint_of_another_network()
    {
        using Checkpoint graph = Samples.Checkpoint(s_bias.Rename("x"), Noise("fc.bias", 77, 9));
        Assert.Contains("would both be named 'fc.bias'", Assert.Throws<WeightFileException>(() => graph.NameAs(Samples.Checkpoint(s_bias), true, new Ledger())).Message);
        Assert.Contains("none of its 2 tensors", Assert.Throws<WeightFileException>(() => graph.NameAs(Samples.Checkpoint(Noise("other", 55, 6)), true, new Ledger())).Message);
    }
}
