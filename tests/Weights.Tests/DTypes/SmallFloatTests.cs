using CsCheck;

namespace Weights.Tests.DTypes;

public class SmallFloatTests
{
    public static TheoryData<string> SmallFloats() =>
        [.. DType.All.Where(static dtype => dtype.Kind == DTypeKind.Float && dtype.BitsPerElement <= 16).Select(static dtype => dtype.Name)];

    [Fact]
    public void There_are_ten_floats_of_at_most_16_bits() => Assert.Equal(10, SmallFloats().Count);

    [Theory]
    [MemberData(nameof(SmallFloats))]
    public void Every_pattern_decodes_and_encodes_to_itself_NaN_payloads_included(string name)
    {
        DType dtype = Numbers.Type(name);
        double[] values = Numbers.DecodeAll(dtype);
        Assert.Equal(1 << (int)dtype.BitsPerElement, values.Length);
        for (uint bits = 0; bits < values.Length; bits++)
        {
            Assert.Equal(bits, Numbers.EncodeBits(dtype, values[bits]));
        }
    }

    [Theory]
    [MemberData(nameof(SmallFloats))]
    public void Encoding_finds_the_nearest_number_and_of_two_the_even_one(string name)
    {
        DType dtype = Numbers.Type(name);
        double[] values = Numbers.DecodeAll(dtype);
        (double Value, uint Bits)[] line = [.. values.Select(static (value, bits) => (value, (uint)bits)).Where(static pair => double.IsFinite(pair.value)).OrderBy(static pair => pair.value).ThenByDescending(static pair => double.IsNegative(pair.value))];
        line = [.. line.Where((pair, index) => index == 0 || pair.Value != line[index - 1].Value)];
        for (int index = 1; index < line.Length; index++)
        {
            ((double low, uint lowBits), (double high, uint highBits)) = (line[index - 1], line[index]);
            double middle = (low + high) / 2;
            uint even = dtype == DType.F8E8M0 ? highBits : (lowBits & 1) == 0 ? lowBits : highBits;
            AssertSame(low, Math.BitIncrement(low));
            AssertSame(low, Math.BitDecrement(middle));
            AssertSame(values[even], middle);
            AssertSame(high, Math.BitIncrement(middle));
            AssertSame(high, Math.BitDecrement(high));
        }

        void AssertSame(double expected, double value) => Assert.Equal(expected, values[Numbers.EncodeBits(dtype, value)]);
    }

    [Theory]
    [InlineData("F8_E5M2", 57344, 61440, double.PositiveInfinity)]
    [InlineData("F8_E4M3", 448, 464.00000000000006, double.NaN)]
    [InlineData("F8_E4M3FNUZ", 240, 248, double.NaN)]
    [InlineData("F8_E5M2FNUZ", 57344, 61440, double.NaN)]
    [InlineData("F16", 65504, 65520, double.PositiveInfinity)]
    [InlineData("BF16", 3.3895313892515355e38, 3.3961775292304601e38, double.PositiveInfinity)]
    [InlineData("F4", 6, 7, 6)]
    [InlineData("F6_E2M3", 7.5, 8, 7.5)]
    [InlineData("F6_E3M2", 28, 30, 28)]
    public void Beyond_the_largest_number_comes_infinity_or_NaN_or_nothing(string name, double largest, double beyond, double expected)
    {
        DType dtype = Numbers.Type(name);
        double[] values = Numbers.DecodeAll(dtype);
        Assert.Equal(largest, values.Where(double.IsFinite).Max());
        Assert.Equal(largest, values[Numbers.EncodeBits(dtype, Math.BitDecrement(beyond))]);
        foreach (double value in (double[])[beyond, 1e39, double.MaxValue, double.PositiveInfinity])
        {
            Assert.Equal(expected, values[Numbers.EncodeBits(dtype, value)]);
            Assert.Equal(-expected, values[Numbers.EncodeBits(dtype, -value)]);
        }
    }

    [Theory]
    [InlineData("F8_E5M2", 0x80)]
    [InlineData("F8_E4M3", 0x80)]
    [InlineData("F8_E4M3FNUZ", 0)]
    [InlineData("F8_E5M2FNUZ", 0)]
    [InlineData("F16", 0x8000)]
    [InlineData("BF16", 0x8000)]
    [InlineData("F4", 8)]
    [InlineData("F6_E2M3", 0x20)]
    [InlineData("F6_E3M2", 0x20)]
    public void Negative_zero_is_kept_where_there_is_one(string name, uint bits)
    {
        DType dtype = Numbers.Type(name);
        Assert.Equal(bits, Numbers.EncodeBits(dtype, -0.0));
        Assert.Equal(bits, Numbers.EncodeBits(dtype, -double.Epsilon));
        Assert.Equal(bits, Numbers.EncodeBits(dtype, -1e-300));
        Assert.Equal(0u, Numbers.EncodeBits(dtype, double.Epsilon));
    }

    [Fact]
    public void NaN_is_the_largest_number_where_there_is_none()
    {
        Assert.Equal(0x7u, Numbers.EncodeBits(DType.F4, double.NaN));
        Assert.Equal(0x1Fu, Numbers.EncodeBits(DType.F6E2M3, double.NaN));
        Assert.Equal(0x1Fu, Numbers.EncodeBits(DType.F6E3M2, double.NaN));
    }

    [Fact]
    public void Packed_floats_are_read_from_the_lowest_bit_up()
    {
        Assert.Equal([1.5, -6], Numbers.Decode(DType.F4, [0xF3]));
        // Elements 1, 2, 3, 4 by their bits: 000100_000011_000010_000001.
        Assert.Equal([0.125, 0.25, 0.375, 0.5], Numbers.Decode(DType.F6E2M3, [0b1000_0001, 0b0011_0000, 0b0001_0000]));
        Assert.Equal([0.0625, 0.125, 0.1875, 0.25], Numbers.Decode(DType.F6E3M2, [0b1000_0001, 0b0011_0000, 0b0001_0000]));
        foreach (DType dtype in (DType[])[DType.F4, DType.F6E2M3, DType.F6E3M2])
        {
            double[] all = Numbers.DecodeAll(dtype);
            Assert.Equal(all, Numbers.Decode(dtype, Numbers.Encode(dtype, all)));
            Array.Reverse(all);
            Assert.Equal(all, Numbers.Decode(dtype, Numbers.Encode(dtype, all)));
        }
    }

    [Fact]
    public void F6_has_the_numbers_that_the_OCP_specification_lists()
    {
        double[] e2m3 = [0, .125, .25, .375, .5, .625, .75, .875, 1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5];
        double[] e3m2 = [0, .0625, .125, .1875, .25, .3125, .375, .4375, .5, .625, .75, .875, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28];
        Assert.Equal([.. e2m3, .. e2m3.Select(static value => -value)], Numbers.DecodeAll(DType.F6E2M3));
        Assert.Equal([.. e3m2, .. e3m2.Select(static value => -value)], Numbers.DecodeAll(DType.F6E3M2));
    }

    [Theory]
    [InlineData("F8_E8M0", "e8m0_decode.f32")]
    [InlineData("F4", "fp4_e2m1_decode.f32")]
    [InlineData("F8_E4M3", "fp8_e4m3fn_decode.f32")]
    [InlineData("F8_E5M2", "fp8_e5m2_decode.f32")]
    public void Every_pattern_means_what_it_means_to_another_implementation(string name, string table)
    {
        DType dtype = Numbers.Type(name);
        double[] expected = [.. Numbers.Singles($"ggufy/{table}").Select(static value => (double)value)];
        Assert.Equal(expected, Numbers.DecodeAll(dtype));
    }

    [Fact]
    public void F4_is_encoded_as_by_another_implementation()
    {
        float[] inputs = Numbers.Singles("ggufy/fp4_e2m1_encode_inputs.f32");
        byte[] expected = File.ReadAllBytes(Fixtures.Path("dtypes/ggufy/fp4_e2m1_encode_expected.u8"));
        Assert.Equal(expected, inputs.Select(static value => (byte)Numbers.EncodeBits(DType.F4, value)));
    }

    [Fact]
    public void F16_is_rounded_once_straight_from_double()
    {
        // Through binary32 this would first become the halfway point and then 1.
        Assert.Equal(0x3C01u, Numbers.EncodeBits(DType.F16, 1 + Math.ScaleB(1, -11) + Math.ScaleB(1, -40)));
        Gen.Double.Select(Gen.Int[-30, 20], static (mantissa, exponent) => Math.ScaleB(mantissa == 0 ? 1 : mantissa / Math.ScaleB(1, Math.ILogB(mantissa)), exponent)).Where(double.IsFinite)
            .Sample(static value => Assert.Equal(BitConverter.HalfToUInt16Bits((Half)value), Numbers.EncodeBits(DType.F16, value)), iter: 20_000);
    }

    [Fact]
    public void F16_and_BF16_mean_what_the_platform_takes_them_for()
    {
        double[] halves = Numbers.DecodeAll(DType.F16);
        double[] brains = Numbers.DecodeAll(DType.BF16);
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            Assert.Equal((double)BitConverter.UInt16BitsToHalf((ushort)bits), halves[bits]);
            Assert.Equal(BitConverter.Int32BitsToSingle(bits << 16), brains[bits]);
        }
    }

    [Fact]
    public void E8M0_knows_only_powers_of_two()
    {
        Assert.Equal(0u, Numbers.EncodeBits(DType.F8E8M0, 0));
        Assert.Equal(0u, Numbers.EncodeBits(DType.F8E8M0, 1e-300));
        Assert.Equal(127u, Numbers.EncodeBits(DType.F8E8M0, 1));
        Assert.Equal(127u, Numbers.EncodeBits(DType.F8E8M0, Math.BitDecrement(1.5)));
        Assert.Equal(128u, Numbers.EncodeBits(DType.F8E8M0, 1.5));
        Assert.Equal(128u, Numbers.EncodeBits(DType.F8E8M0, -2));
        Assert.Equal(254u, Numbers.EncodeBits(DType.F8E8M0, Math.ScaleB(1.4, 127)));
        Assert.Equal(255u, Numbers.EncodeBits(DType.F8E8M0, Math.ScaleB(1.5, 127)));
        Assert.Equal(255u, Numbers.EncodeBits(DType.F8E8M0, double.PositiveInfinity));
        Assert.Equal(255u, Numbers.EncodeBits(DType.F8E8M0, double.NaN));
    }
}
