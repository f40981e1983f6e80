namespace Weights.Tests.DTypes;

public class PlainTypeTests
{
    [Theory]
    [InlineData("I8", -128, 127)]
    [InlineData("I16", -32768, 32767)]
    [InlineData("I32", -2147483648.0, 2147483647.0)]
    [InlineData("I64", -9223372036854775808.0, 9223372036854775807.0)]
    [InlineData("U8", 0, 255)]
    [InlineData("U16", 0, 65535)]
    [InlineData("U32", 0, 4294967295.0)]
    [InlineData("U64", 0, 18446744073709551615.0)]
    public void Integers_cut_off_towards_zero_and_stop_at_their_ends(string name, double least, double greatest)
    {
        DType dtype = Numbers.Type(name);
        Assert.Equal(least, Through(dtype, double.NegativeInfinity));
        Assert.Equal(least, Through(dtype, -1e30));
        Assert.Equal(greatest, Through(dtype, double.PositiveInfinity));
        Assert.Equal(greatest, Through(dtype, 1e30));
        Assert.Equal(1, Through(dtype, 1.999));
        Assert.Equal(2, Through(dtype, 2.5));
        Assert.Equal(0, Through(dtype, -0.999));
        Assert.Equal(least == 0 ? 0 : -1, Through(dtype, -1.999));
        Assert.Equal(0, Through(dtype, double.NaN));
    }

    [Fact]
    public void The_ends_of_64_bit_integers_are_exact()
    {
        Assert.Equal(BitConverter.GetBytes(long.MaxValue), Numbers.Encode(DType.I64, 1e30));
        Assert.Equal(BitConverter.GetBytes(long.MinValue), Numbers.Encode(DType.I64, -1e30));
        Assert.Equal(BitConverter.GetBytes(ulong.MaxValue), Numbers.Encode(DType.U64, 1e30));
    }

    [Fact]
    public void Every_byte_but_zero_is_true_and_every_number_but_zero_too()
    {
        Assert.Equal([0, .. Enumerable.Repeat(1.0, 255)], Numbers.DecodeAll(DType.Bool));
        Assert.Equal([0, 0, 1, 1, 1, 1, 1], Numbers.Encode(DType.Bool, 0, -0.0, 1, -1, 0.1, double.NaN, double.NegativeInfinity));
    }

    [Fact]
    public void Complex_numbers_are_two_real_ones_in_order()
    {
        double[] numbers = [1.5, -2.25, -0.0, 0.5];
        Assert.Equal(Numbers.Encode(DType.F16, numbers), Numbers.Encode(DType.C32, numbers));
        Assert.Equal(Numbers.Encode(DType.F32, numbers), Numbers.Encode(DType.C64, numbers));
        Assert.Equal(Numbers.Encode(DType.F64, numbers), Numbers.Encode(DType.C128, numbers));
        foreach (DType dtype in DType.All.Where(static dtype => dtype.Kind == DTypeKind.Complex))
        {
            Assert.Equal(numbers, Numbers.Decode(dtype, Numbers.Encode(dtype, numbers)));
        }
    }

    [Theory]
    [InlineData(0x7F800001u)]
    [InlineData(0xFFC12345u)]
    [InlineData(0x7FBFFFFFu)]
    [InlineData(0x80000000u)]
    [InlineData(0x00000001u)]
    [InlineData(0xFF800000u)]
    [InlineData(0x7F7FFFFFu)]
    public void F32_keeps_NaN_payloads_signalling_ones_too_and_signs_and_subnormals(uint bits)
    {
        byte[] bytes = BitConverter.GetBytes(bits);
        Assert.Equal(bytes, Numbers.Encode(DType.F32, Numbers.Decode(DType.F32, bytes)));
    }

    [Fact]
    public void F64_keeps_every_bit()
    {
        foreach (ulong bits in (ulong[])[0x7FF0000000000001, 0xFFF8000000001234, 1, 1UL << 63, 0x7FF0000000000000])
        {
            byte[] bytes = BitConverter.GetBytes(bits);
            Assert.Equal(bytes, Numbers.Encode(DType.F64, Numbers.Decode(DType.F64, bytes)));
        }
    }

    [Fact]
    public void F32_rounds_to_even_and_overflows_to_infinity()
    {
        Assert.Equal(1, Through(DType.F32, 1 + Math.ScaleB(1, -24)));
        Assert.Equal(1 + Math.ScaleB(1, -22), Through(DType.F32, 1 + Math.ScaleB(3, -24)));
        Assert.Equal(double.PositiveInfinity, Through(DType.F32, 3.4028235677973366e38));
        Assert.Equal(float.MaxValue, Through(DType.F32, Math.BitDecrement(3.4028235677973366e38)));
    }

    private static double Through(DType dtype, double value) => Numbers.Decode(dtype, Numbers.Encode(dtype, value))[0];
}
