using Weights.Passes;

namespace Weights.Tests.Passes;

public class GlobTests
{
    [Theory]
    [InlineData("*", "")]
    [InlineData("*", "model.layers.0.weight")]
    [InlineData("model.*.weight", "model.layers.0.self_attn.weight")]
    [InlineData("layers.?.bias", "layers.7.bias")]
    [InlineData("layers.?.bias", "layers.🙂.bias")]
    [InlineData("layers.[0-3].*", "layers.2.bias")]
    [InlineData("layers.[!0-3].*", "layers.4.bias")]
    [InlineData("layers.[^0-3].*", "layers.4.bias")]
    [InlineData("[]x]", "]")]
    [InlineData("[!]]", "a")]
    [InlineData("[a-]", "-")]
    [InlineData("x[*]y", "x*y")]
    [InlineData("x[{]y", "x{y")]
    [InlineData("*.{weight,bias}", "conv.bias")]
    [InlineData("{a,b{c,d},}x", "bdx")]
    [InlineData("{a,b{c,d},}x", "x")]
    [InlineData("{*.weight,head.?}", "head.7")]
    [InlineData("a,b}", "a,b}")]
    [InlineData("a.b", "a.b")]
    [InlineData("a+(b)|^$\\", "a+(b)|^$\\")]
    [InlineData("line\n*", "line\nbreak\n")]
    [InlineData("Größe", "Größe")]
    public void A_pattern_matches(string pattern, string name) => Assert.True(Glob.Parse(pattern).IsMatch(name));

    [Theory]
    [InlineData("model", "model.weight")]
    [InlineData("weight", "model.weight")]
    [InlineData("a.b", "axb")]
    [InlineData("MODEL.*", "model.weight")]
    [InlineData("layers.?.bias", "layers.10.bias")]
    [InlineData("layers.?.bias", "layers..bias")]
    [InlineData("layers.[0-3].*", "layers.4.bias")]
    [InlineData("layers.[!0-3].*", "layers.2.bias")]
    [InlineData("*.{weight,bias}", "conv.weights")]
    [InlineData("a", "a\n")]
    public void A_pattern_does_not_match(string pattern, string name) => Assert.False(Glob.Parse(pattern).IsMatch(name));

    [Theory]
    [InlineData("", "empty")]
    [InlineData("layers.[0", "'['")]
    [InlineData("[", "'['")]
    [InlineData("[]", "'['")]
    [InlineData("{a,b", "'{'")]
    [InlineData("{a,{b}", "'{'")]
    [InlineData("[z-a]", "z-a")]
    public void A_pattern_that_is_none_is_refused_with_a_sentence(string pattern, string says) =>
        Assert.Contains(says, Assert.Throws<FormatException>(() => Glob.Parse(pattern)).Message);

    [Fact]
    public void Braces_nest_only_so_deep()
    {
        Assert.True(Glob.Parse(new string('{', 16) + "a" + new string('}', 16)).IsMatch("a"));
        Assert.Throws<FormatException>(() => Glob.Parse(new string('{', 100_000)));
    }

    [Fact]
    public void Many_stars_take_no_time()
    {
        Glob glob = Glob.Parse(string.Concat(Enumerable.Repeat("a*", 30)) + "b");
        Assert.False(glob.IsMatch(new string('a', 5000)));
    }

    [Fact]
    public void A_pattern_is_shown_as_it_was_given() => Assert.Equal("*.{weight,bias}", Glob.Parse("*.{weight,bias}").ToString());
}
