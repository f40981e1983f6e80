using System.Globalization;
using System.Runtime.InteropServices;
using CsCheck;
using Weights.DTypes;

namespace Weights.Tests.DTypes;

public class ConversionTests
{
    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void The_vector_path_widens_every_half_to_the_same_bits(string name)
    {
        DType dtype = Numbers.Type(name);
        ushort[] halves = [.. Enumerable.Range(0, 1 << 16).Select(static bits => (ushort)bits)];
        AssertDirectIsTheSame(dtype, DType.F32, MemoryMarshal.AsBytes<ushort>(halves));
    }

    // All 2^32 agree, too, which takes minutes; here every 509th, a prime, and those around each edge of a rounding.
    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void The_vector_path_narrows_singles_to_the_same_bits(string name)
    {
        DType dtype = Numbers.Type(name);
        uint[] singles = new uint[1 << 16];
        for (long start = 0; start <= uint.MaxValue; start += 509L * singles.Length)
        {
            for (int index = 0; index < singles.Length; index++)
            {
                singles[index] = (uint)Math.Min(start + (509L * index), uint.MaxValue);
            }
            AssertDirectIsTheSame(DType.F32, dtype, MemoryMarshal.AsBytes<uint>(singles));
        }
        uint[] edges = [.. Enumerable.Range(0, 1 << 16).SelectMany(static upper => (uint[])[((uint)upper << 16) + 0x7FFF, ((uint)upper << 16) + 0x8000, ((uint)upper << 16) + 0x0FFF, ((uint)upper << 16) + 0x1000, ((uint)upper << 16) + 1])];
        AssertDirectIsTheSame(DType.F32, dtype, MemoryMarshal.AsBytes<uint>(edges));
    }

    [Fact]
    public void The_vector_path_takes_every_length()
    {
        for (int length = 0; length < 70; length++)
        {
            float[] singles = [.. Enumerable.Range(0, length).Select(static index => 1.1f * index)];
            AssertDirectIsTheSame(DType.F32, DType.BF16, MemoryMarshal.AsBytes<float>(singles));
            ushort[] halves = [.. Enumerable.Range(0, length).Select(static index => (ushort)(index * 997))];
            AssertDirectIsTheSame(DType.F16, DType.F32, MemoryMarshal.AsBytes<ushort>(halves));
        }
    }

    [Fact]
    public void Every_byte_is_the_number_that_its_type_says()
    {
        byte[] all = [.. Enumerable.Range(0, 256 + 45).Select(static index => unchecked((byte)index))];
        foreach (DType from in (DType[])[DType.I8, DType.U8, DType.F8E4M3, DType.F8E5M2])
        {
            for (int length = 0; length <= all.Length; length++)
            {
                byte[] expected = Numbers.Encode(DType.F32, Numbers.Decode(from, all.AsSpan(0, length)));
                byte[] found = new byte[4 * length];
                ByteFloats.Between(from, DType.F32)!(all.AsSpan(0, length), found);
                Assert.True(expected.AsSpan().SequenceEqual(found), $"{from} differs from element {expected.AsSpan().CommonPrefixLength(found) / 4} of {length} on");
            }
        }
    }

    [Fact]
    public void Any_real_type_becomes_any_other_as_if_through_doubles()
    {
        // Quantised types go through floats.
        DType[] types = [.. DType.All.Where(static dtype => dtype.Components == 1 && dtype.Kind != DTypeKind.Quantized)];
        Assert.True(types.Length > 20);
        foreach (DType from in types)
        {
            foreach (DType to in types)
            {
                // 8200 elements: whole blocks of all of them, more than one batch.
                double[] numbers = [.. Enumerable.Range(0, 8200).Select(static index => (index % 97) - 30 + (index % 7 / 8.0))];
                byte[] source = Numbers.Encode(from, numbers);
                byte[] target = new byte[8200 / to.BlockLength * to.BlockBytes];
                Conversion.Between(from, to)(source, target);
                Assert.Equal(Numbers.Encode(to, Numbers.Decode(from, source)), target);
            }
        }
    }

    [Fact]
    public void Complex_types_become_each_other_and_nothing_else()
    {
        Assert.True(Conversion.Exists(DType.C128, DType.C32));
        Assert.False(Conversion.Exists(DType.C64, DType.F32));
        Assert.False(Conversion.Exists(DType.F32, DType.C64));
        byte[] target = new byte[16];
        Conversion.Between(DType.C128, DType.C64)(Numbers.Encode(DType.C128, 1, 2, 3, 4.1), target);
        Assert.Equal(Numbers.Encode(DType.C64, 1, 2, 3, 4.1), target);
    }

    [Fact]
    public void Wide_integers_are_rounded_once_to_every_float()
    {
        Gen.ULong.Select(Gen.Int[0, 63], static (value, shift) => value >> shift).Sample(static value =>
        {
            string digits = value.ToString(CultureInfo.InvariantCulture);
            Assert.Equal(float.Parse(digits, CultureInfo.InvariantCulture), Single(DType.U64, BitConverter.GetBytes(value)));
            long signed = -(long)(value >> 1);
            Assert.Equal(-float.Parse((value >> 1).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) + 0f, Single(DType.I64, BitConverter.GetBytes(signed)));
        }, iter: 20_000);
        Assert.Equal(9.223372036854775807E18f, Single(DType.I64, BitConverter.GetBytes(long.MaxValue)));
        Assert.Equal(-9.223372036854775808E18f, Single(DType.I64, BitConverter.GetBytes(long.MinValue)));
        Assert.Equal(1.8446744073709551615E19f, Single(DType.U64, BitConverter.GetBytes(ulong.MaxValue)));
    }

    [Fact]
    public void Wide_integers_become_each_other_exactly_and_stop_at_the_ends()
    {
        long[] signed = [0, 1, -1, (1L << 53) + 1, long.MaxValue, long.MinValue, long.MaxValue - 1];
        ulong[] unsigned = [0, 1, 0, (1UL << 53) + 1, long.MaxValue, 0, long.MaxValue - 1];
        Assert.Equal(unsigned, MemoryMarshal.Cast<byte, ulong>(Convert(DType.I64, DType.U64, MemoryMarshal.AsBytes<long>(signed))).ToArray());
        ulong[] large = [0, (1UL << 53) + 1, long.MaxValue, ulong.MaxValue, 1UL << 63];
        long[] cut = [0, (1L << 53) + 1, long.MaxValue, long.MaxValue, long.MaxValue];
        Assert.Equal(cut, MemoryMarshal.Cast<byte, long>(Convert(DType.U64, DType.I64, MemoryMarshal.AsBytes<ulong>(large))).ToArray());
        Assert.Equal([int.MaxValue, int.MinValue, 7], MemoryMarshal.Cast<byte, int>(Convert(DType.I64, DType.I32, MemoryMarshal.AsBytes<long>([long.MaxValue, long.MinValue, 7]))).ToArray());
        Assert.Equal([1, 0], Convert(DType.U64, DType.Bool, MemoryMarshal.AsBytes<ulong>([ulong.MaxValue, 0])));
    }

    private static float Single(DType from, byte[] integer) => BitConverter.ToSingle(Convert(from, DType.F32, integer));

    private static byte[] Convert(DType from, DType to, ReadOnlySpan<byte> source)
    {
        byte[] target = new byte[source.Length / from.BlockBytes / to.BlockLength * to.BlockBytes];
        Conversion.Between(from, to)(source, target);
        return target;
    }

    private static void AssertDirectIsTheSame(DType from, DType to, ReadOnlySpan<byte> source)
    {
        byte[] expected = Numbers.Encode(to, Numbers.Decode(from, source));
        byte[] found = new byte[expected.Length];
        HalfFloats.Between(from, to)!(source, found);
        Assert.True(expected.AsSpan().SequenceEqual(found), $"{from} to {to} differs from element {expected.AsSpan().CommonPrefixLength(found) / to.BlockBytes} on");
    }
}
