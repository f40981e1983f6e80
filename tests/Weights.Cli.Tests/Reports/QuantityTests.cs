using Weights.Cli.Reports;

namespace Weights.Cli.Tests.Reports;

public sealed class QuantityTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.00 kB")]
    [InlineData(9994, "9.99 kB")]
    [InlineData(9996, "10.0 kB")]
    [InlineData(99_940, "99.9 kB")]
    [InlineData(99_960, "100 kB")]
    [InlineData(999_499, "999 kB")]
    [InlineData(999_500, "1.00 MB")]
    [InlineData(97_531_000, "97.5 MB")]
    [InlineData(long.MaxValue, "9.22 EB")]
    public void Sizes_have_three_digits_and_decimal_units(long bytes, string text) => Assert.Equal(text, Quantity.Bytes(bytes));

    [Theory]
    [InlineData(1, "1")]
    [InlineData(9_999, "9,999")]
    [InlineData(25_557_032, "25,557,032 (25.6 M)")]
    [InlineData(7_241_732_096, "7,241,732,096 (7.24 B)")]
    public void Parameters_are_counted_as_models_are_named(long count, string text) => Assert.Equal(text, Quantity.Parameters(count));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1, "1")]
    [InlineData(-123_456, "-123456")]
    [InlineData(1_234_567, "1.235e+06")]
    [InlineData(0.5, "0.5000")]
    [InlineData(-0.012345, "-0.01235")]
    [InlineData(0.00012345, "1.235e-04")]
    [InlineData(3.14159, "3.142")]
    [InlineData(1234.56, "1235")]
    [InlineData(99_999.9, "100000")]
    [InlineData(1e300, "1.000e+300")]
    [InlineData(double.Epsilon, "4.941e-324")]
    public void Measured_numbers_have_four_digits(double value, string text) => Assert.Equal(text, Quantity.Real(value));

    [Theory]
    [InlineData(0.123, "0.12 s")]
    [InlineData(12.34, "12.3 s")]
    [InlineData(185, "3:05 min")]
    [InlineData(90_061, "25:01:01 h")]
    public void Times_are_read_at_a_glance(double seconds, string text) => Assert.Equal(text, Quantity.Time(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0, "0 tensors")]
    [InlineData(1, "1 tensor")]
    [InlineData(12_345, "12,345 tensors")]
    public void One_is_no_plural(long count, string text) => Assert.Equal(text, Quantity.Of(count, "tensor"));
}
