using Weights.Cli.Terminal;

namespace Weights.Cli.Tests.Terminal;

public sealed class CellWidthTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("conv1.weight", 12)]
    [InlineData("é", 1)]
    [InlineData("e\u0301", 1)]
    [InlineData("权重", 4)]
    [InlineData("🦀", 2)]
    [InlineData("ключ", 4)]
    public void Text_takes_the_columns_that_terminals_give_it(string text, int columns) => Assert.Equal(columns, CellWidth.Of(text));

    [Theory]
    [InlineData("encoder.weight", 14, "encoder.weight")]
    [InlineData("encoder.weight", 13, "encode…weight")]
    [InlineData("encoder.weight", 2, "…t")]
    [InlineData("encoder.weight", 1, "…")]
    [InlineData("权重权重权重", 7, "权…权重")]
    [InlineData("a🦀🦀🦀b", 5, "a…🦀b")]
    public void Names_lose_their_middle(string name, int width, string shown)
    {
        Assert.Equal(shown, CellWidth.ShortenMiddle(name, width));
        Assert.True(CellWidth.Of(shown) <= width);
    }

    [Theory]
    [InlineData("a value", 7, "a value")]
    [InlineData("a value", 6, "a val…")]
    [InlineData("权重权重", 4, "权…")]
    public void Values_lose_their_end(string value, int width, string shown) => Assert.Equal(shown, CellWidth.ShortenEnd(value, width));

    [Fact]
    public void Text_is_wrapped_at_blanks_and_long_words_stay_whole() =>
        Assert.Equal(["one two", "three", "incomprehensible", "four"], CellWidth.Wrap("one two three incomprehensible four", 8));
}
