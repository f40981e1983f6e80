using Weights.Passes;

namespace Weights.Tests.Passes;

public class RenamingTests
{
    [Theory]
    [InlineData(@"^model\.=", "model.layers.model.0", "layers.model.0")]
    [InlineData(@"layer_(\d+)=layers.$1", "enc.layer_12.w", "enc.layers.12.w")]
    [InlineData(@"(?<block>h\d)\.(\w+)=${block}-${1}1", "h3.w", "h3-w1")]
    [InlineData(@"(a)\.(b)=$2.$1", "a.b.a.b", "b.a.b.a")]
    [InlineData("^=model.", "w", "model.w")]
    [InlineData("x=$$", "axb", "a$b")]
    [InlineData(@"a(?=b)=c", "abac", "cbac")]
    [InlineData(@"(?<=a)b=c", "abb", "acb")]
    [InlineData(@"(.)\1=$1", "aabbc", "abc")]
    [InlineData("(.*)=$0", "same", "same")]
    public void A_rule_replaces_every_match(string rule, string name, string expected)
    {
        using Checkpoint checkpoint = Samples.Named(name);
        Assert.Equal([expected], checkpoint.Rename([RenameRule.Parse(rule)], new Ledger()).Names());
        Assert.Equal(rule, RenameRule.Parse(rule).ToString());
    }

    [Theory]
    [InlineData("no separator", "REGEX=REPLACEMENT")]
    [InlineData("=x", "REGEX=REPLACEMENT")]
    [InlineData("(a=b", "not a regular expression")]
    [InlineData("(a)=$2", "the group $2")]
    [InlineData("(a)=${name}", "the group $name")]
    [InlineData("(a)=$11", "the group $11")]
    [InlineData(@"(a)=\1", "write $1")]
    public void A_rule_that_cannot_be_meant_is_refused_with_a_sentence(string rule, string says) =>
        Assert.Contains(says, Assert.Throws<FormatException>(() => RenameRule.Parse(rule)).Message);

    [Fact]
    public void Rules_apply_one_after_the_other_and_the_ledger_counts_each()
    {
        using Checkpoint checkpoint = Samples.Named("module.a", "module.b", "c", "d");
        Ledger ledger = new();
        Checkpoint renamed = checkpoint.Rename([RenameRule.Parse(@"^module\.="), RenameRule.Parse("^a$=c2"), RenameRule.Parse("^c$=e"), RenameRule.Parse("z=y")], ledger);
        Assert.Equal(["c2", "b", "e", "d"], renamed.Names());
        Assert.Equal(
            [
                new LedgerEntry(LedgerKind.Renamed, "2 tensors (module.a, module.b)", @"by '^module\.='; the first is now 'c2'"),
                new LedgerEntry(LedgerKind.Renamed, "c", "by '^c$=e'; now 'e'"),
            ],
            ledger);
        Assert.Equal(checkpoint.Tensors[0].Values(), renamed.Tensors[0].Values());
        Assert.Equal(checkpoint.Metadata, renamed.Metadata);
    }

    [Fact]
    public void Names_may_swap()
    {
        using Checkpoint checkpoint = Samples.Named("a", "b").WithAliases(new Alias("b", "a", AliasKind.Same));
        Checkpoint renamed = checkpoint.Rename([RenameRule.Parse("^a$=x"), RenameRule.Parse("^b$=a"), RenameRule.Parse("^x$=b")], new Ledger());
        Assert.Equal(["b", "a"], renamed.Names());
        Assert.Equal([new Alias("a", "b", AliasKind.Same)], renamed.Aliases);
    }

    [Fact]
    public void Two_tensors_under_one_name_are_refused_naming_both()
    {
        using Checkpoint checkpoint = Samples.Named("ema.w", "w");
        WeightFileException error = Assert.Throws<WeightFileException>(() => checkpoint.Rename([RenameRule.Parse(@"ema\.=")], new Ledger()));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("'ema.w' and 'w' would both be named 'w'", error.Message);
    }

    [Fact]
    public void A_tensor_keeps_some_name()
    {
        using Checkpoint checkpoint = Samples.Named("w");
        WeightFileException error = Assert.Throws<WeightFileException>(() => checkpoint.Rename([RenameRule.Parse("w=")], new Ledger()));
        Assert.Equal((Fault.Unsupported, "w"), (error.Fault, error.Tensor));
        using Checkpoint unnamed = Samples.Named("");
        Assert.Equal([""], unnamed.Rename([RenameRule.Parse("w=")], new Ledger()).Names());
    }

    [Fact]
    public void An_expression_that_needs_forever_is_stopped()
    {
        using Checkpoint checkpoint = Samples.Named(new string('a', 100));
        WeightFileException error = Assert.Throws<WeightFileException>(() => checkpoint.Rename([RenameRule.Parse(@"(?=x)?^(a+)+\1$b=c")], new Ledger()));
        Assert.Equal(Fault.Unsupported, error.Fault);
        // The same repetition without a back reference runs in linear time.
        Assert.Single(checkpoint.Rename([RenameRule.Parse("^(a+)+$b=c")], new Ledger()).Tensors);
    }

    [Fact]
    public void No_change_is_no_entry()
    {
        using Checkpoint checkpoint = Samples.Named("a");
        Ledger ledger = new();
        Assert.Same(checkpoint, checkpoint.Rename([RenameRule.Parse("b=c")], ledger));
        Assert.Same(checkpoint, checkpoint.Rename([], ledger));
        Assert.Empty(ledger);
    }
}
