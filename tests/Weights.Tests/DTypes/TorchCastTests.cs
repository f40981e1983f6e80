using System.Globalization;
using Weights.DTypes;

namespace Weights.Tests.DTypes;

/// <summary>PyTorch's casts are the reference; where ours differ on purpose, the test says so.</summary>
public class TorchCastTests
{
    [Theory]
    [InlineData("F8_E5M2")]
    [InlineData("F8_E4M3")]
    [InlineData("F8_E4M3FNUZ")]
    [InlineData("F8_E5M2FNUZ")]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Floats_are_cast_to_the_same_bits(string name)
    {
        DType dtype = Numbers.Type(name);
        double[] values = Numbers.DecodeAll(dtype);
        foreach (Dictionary<string, string> row in Numbers.Table("torch.tsv"))
        {
            double value = BitConverter.UInt32BitsToSingle(Numbers.Hexadecimal(row["F32"]));
            uint expected = Numbers.Hexadecimal(row[name]);
            uint found = Numbers.EncodeBits(dtype, value);
            // Its NaNs lose their payload, each type in its own way.
            Assert.True(expected == found || (double.IsNaN(value) && double.IsNaN(values[expected]) && double.IsNaN(values[found])), $"{row["F32"]} becomes {found:x}, not {expected:x}");
        }
    }

    [Theory]
    [InlineData("BOOL")]
    [InlineData("U8")]
    [InlineData("I8")]
    [InlineData("I16")]
    [InlineData("U16")]
    [InlineData("I32")]
    [InlineData("I64")]
    public void Integers_are_cut_off_the_same_way(string name)
    {
        DType dtype = Numbers.Type(name);
        int compared = 0;
        foreach (Dictionary<string, string> row in Numbers.Table("torch.tsv"))
        {
            if (row[name] != "-")
            {
                double value = BitConverter.UInt32BitsToSingle(Numbers.Hexadecimal(row["F32"]));
                double expected = long.Parse(row[name], CultureInfo.InvariantCulture);
                Assert.Equal(expected, Numbers.Decode(dtype, Numbers.Encode(dtype, value))[0]);
                compared++;
            }
        }
        Assert.True(compared > 1000);
    }

    [Theory]
    [InlineData("F8_E5M2")]
    [InlineData("F8_E4M3")]
    [InlineData("F8_E4M3FNUZ")]
    [InlineData("F8_E5M2FNUZ")]
    public void Every_8_bit_float_decodes_to_the_same_number(string name)
    {
        DType dtype = Numbers.Type(name);
        List<Dictionary<string, string>> rows = Numbers.Table("decode.tsv");
        Assert.Equal(256, rows.Count);
        Assert.Equal(rows.Select(row => Numbers.Real(row[name])), Numbers.DecodeAll(dtype));
    }

    [Fact]
    public void Wide_integers_become_singles_with_one_rounding()
    {
        BlockConversion convert = Conversion.Between(DType.I64, DType.F32);
        foreach (Dictionary<string, string> row in Numbers.Table("wide.tsv"))
        {
            byte[] single = new byte[4];
            convert(BitConverter.GetBytes(long.Parse(row["I64"], CultureInfo.InvariantCulture)), single);
            Assert.Equal(Numbers.Hexadecimal(row["F32"]), BitConverter.ToUInt32(single));
        }
    }
}
