using Weights.Passes;

namespace Weights.Tests.Passes;

public class SelectionTests
{
    [Fact]
    public void What_one_pattern_includes_and_none_excludes_is_kept_in_order()
    {
        using Checkpoint checkpoint = Samples.Named("head.weight", "a.weight", "a.bias", "b.weight", "opt.step");
        Ledger ledger = new();
        Checkpoint kept = checkpoint.Select(Samples.Globs("*.weight", "a.*"), Samples.Globs("head.*", "b*"), ledger);
        Assert.Equal(["a.weight", "a.bias"], kept.Names());
        Assert.Equal(checkpoint.Metadata, kept.Metadata);
        Assert.Equal(
            [
                new LedgerEntry(LedgerKind.LeftOut, "opt.step", "not matching the filter '*.weight' or 'a.*'"),
                new LedgerEntry(LedgerKind.LeftOut, "head.weight", "excluded by 'head.*'"),
                new LedgerEntry(LedgerKind.LeftOut, "b.weight", "excluded by 'b*'"),
            ],
            ledger);
    }

    [Fact]
    public void No_pattern_keeps_everything_and_says_nothing()
    {
        using Checkpoint checkpoint = Samples.Named("a", "b");
        Ledger ledger = new();
        Assert.Same(checkpoint, checkpoint.Select([], [], ledger));
        Assert.Same(checkpoint, checkpoint.Select(Samples.Globs("?"), Samples.Globs("c"), ledger));
        Assert.Empty(ledger);
    }

    [Fact]
    public void Ten_thousand_left_out_tensors_are_one_line()
    {
        using Checkpoint checkpoint = Samples.Named(Enumerable.Range(0, 10_000).Select(static index => $"layers.{index}").Append("head"));
        Ledger ledger = new();
        Assert.Equal(["head"], checkpoint.Select([], Samples.Globs("layers.*"), ledger).Names());
        Assert.Equal("10000 tensors (layers.0, layers.1, layers.2, …)", Assert.Single(ledger).Subject);
    }

    [Fact]
    public void A_filter_that_matches_nothing_leaves_no_tensors()
    {
        using Checkpoint checkpoint = Samples.Named("a", "b");
        Ledger ledger = new();
        Assert.Empty(checkpoint.Select(Samples.Globs("c*"), [], ledger).Tensors);
        Assert.Equal("2 tensors (a, b)", Assert.Single(ledger).Subject);
    }

    [Fact]
    public void Aliases_survive_with_their_tensors_and_the_next_takes_the_place_of_the_first()
    {
        using Checkpoint checkpoint = Samples.Named("embed", "head", "tied", "other").WithAliases(new Alias("head", "embed", AliasKind.Same), new Alias("tied", "embed", AliasKind.Same));
        Assert.Equal([new Alias("tied", "embed", AliasKind.Same)], checkpoint.Select([], Samples.Globs("head"), new Ledger()).Aliases);
        Assert.Equal([new Alias("tied", "head", AliasKind.Same)], checkpoint.Select([], Samples.Globs("embed"), new Ledger()).Aliases);
        Assert.Empty(checkpoint.Select(Samples.Globs("embed", "other"), [], new Ledger()).Aliases);
    }
}
