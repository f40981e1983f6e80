using System.Globalization;

namespace Weights.Tests.DTypes;

public class PackedIntegerTests
{
    public static TheoryData<string, int, int, int> Types => new()
    {
        { "I4", 4, -8, 7 },
        { "U4", 4, 0, 15 },
        { "I2", 2, -2, 1 },
        { "U2", 2, 0, 3 },
    };

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_byte_is_its_numbers_from_the_lowest_bits_up_and_back(string name, int bits, int least, int greatest)
    {
        DType dtype = Numbers.Type(name);
        Assert.Equal(8 / bits, dtype.BlockLength);
        for (int value = 0; value <= byte.MaxValue; value++)
        {
            List<double> expected = [];
            for (int shift = 0; shift < 8; shift += bits)
            {
                int pattern = (value >> shift) % (1 << bits);
                expected.Add(pattern > greatest ? pattern - (1 << bits) : pattern);
            }
            double[] found = Numbers.Decode(dtype, [(byte)value]);
            Assert.Equal(expected, found);
            Assert.All(found, number => Assert.InRange(number, least, greatest));
            Assert.Equal([(byte)value], Numbers.Encode(dtype, found));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Numbers_are_cut_off_towards_zero_and_stop_at_the_ends_in_every_place(string name, int bits, int least, int greatest)
    {
        DType dtype = Numbers.Type(name);
        double[] numbers = [.. Enumerable.Range(-600, 1201).Select(static index => index / 2.0), 0.999, -0.999, -0.0, 1e30, -1e30, double.Epsilon, double.MaxValue, double.MinValue, double.PositiveInfinity, double.NegativeInfinity, double.NaN];
        foreach (double number in numbers)
        {
            double expected = double.IsNaN(number) ? 0 : Math.Clamp(Math.Truncate(number), least, greatest) + 0.0;
            for (int place = 0; place < 8 / bits; place++)
            {
                double[] values = new double[8 / bits];
                values[place] = number;
                byte encoded = Assert.Single(Numbers.Encode(dtype, values));
                values[place] = expected;
                Assert.Equal(values, Numbers.Decode(dtype, [encoded]));
                Assert.Equal(0, encoded & ~(((1 << bits) - 1) << (place * bits)));
            }
        }
    }

    [Theory]
    [InlineData("I4")]
    [InlineData("U4")]
    public void They_are_packed_as_by_ONNX(string name)
    {
        DType dtype = Numbers.Type(name);
        Dictionary<string, string>[] rows = [.. Numbers.Table("packed.tsv").Where(row => row["dtype"] == name)];
        Assert.Equal(256 + 16 + 6, rows.Length);
        foreach (Dictionary<string, string> row in rows)
        {
            double[] numbers = [.. row["numbers"].Split(' ').Select(static number => double.Parse(number, CultureInfo.InvariantCulture))];
            byte[] bytes = Convert.FromHexString(row["bytes"]);
            Assert.Equal(bytes.Length, dtype.ByteCount(new Shape(numbers.Length)));
            Assert.Equal(bytes, Numbers.Encode(dtype, numbers));
            Assert.Equal(numbers, Numbers.Decode(dtype, bytes)[..numbers.Length]);
        }
    }
}
