using CsCheck;
using Weights.Cli.Reports;

namespace Weights.Cli.Tests.Reports;

public sealed class NaturalOrderTests
{
    [Theory]
    [InlineData("layers.2", "layers.10")]
    [InlineData("layers.2.weight", "layers.10.bias")]
    [InlineData("a", "b")]
    [InlineData("", "a")]
    [InlineData("a", "a0")]
    [InlineData("a.01", "a.1")]
    [InlineData("a.01", "a.2")]
    [InlineData("x99999999999999999999", "x100000000000000000000")]
    [InlineData("1a", "a1")]
    [InlineData("layers.2", "layers.a")]
    public void Numbers_count_as_numbers(string first, string second)
    {
        Assert.True(NaturalOrder.Instance.Compare(first, second) < 0);
        Assert.True(NaturalOrder.Instance.Compare(second, first) > 0);
        Assert.Equal(0, NaturalOrder.Instance.Compare(first, new string(first.AsSpan())));
    }

    [Fact]
    public void It_is_an_order_in_which_only_equal_names_are_equal()
    {
        Gen<string> names = Gen.Char["0129ab."].Array[0, 6].Select(static characters => new string(characters));
        Gen.Select(names, names, names).Sample(static (a, b, c) =>
        {
            int ab = Math.Sign(NaturalOrder.Instance.Compare(a, b));
            int bc = Math.Sign(NaturalOrder.Instance.Compare(b, c));
            int ac = Math.Sign(NaturalOrder.Instance.Compare(a, c));
            return ab == -Math.Sign(NaturalOrder.Instance.Compare(b, a)) && (ab == 0) == (a == b) && (ab != bc || ac == ab);
        });
    }
}
