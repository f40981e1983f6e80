using System.Numerics;
using Weights.Passes.Diff;
using Weights.Tests.DTypes;

namespace Weights.Tests.Passes.Diff;

public class UlpDistanceTests
{
    [Theory]
    [InlineData("F16", 0x7C00)]
    [InlineData("BF16", 0x7F80)]
    [InlineData("F32", 0x7F80_0000)]
    [InlineData("F64", 0x7FF0_0000_0000_0000)]
    public void Distances_are_those_of_a_plain_model(string type, long infinity)
    {
        DType dtype = Numbers.Type(type);
        Assert.True(UlpDistance.IsDefined(dtype));
        int size = dtype.BlockBytes;
        ulong sign = 1UL << ((8 * size) - 1);
        ulong[] notable = [0, sign, 1, sign | 1, (ulong)infinity, sign | (ulong)infinity, (ulong)infinity - 1, sign | ((ulong)infinity - 1), (ulong)infinity + 1, sign - 1, (sign << 1) - 1];
        Random random = new(7);
        for (int count = 0; count <= 70; count++)
        {
            ulong[] a = [.. Enumerable.Range(0, count).Select(_ => Bits())];
            ulong[] b = [.. Enumerable.Range(0, count).Select(_ => Bits())];
            BigInteger expected = a.Zip(b).Select(pair => Distance(pair.First, pair.Second)).DefaultIfEmpty(0).Max();
            Assert.Equal(expected, UlpDistance.Largest(dtype, Bytes(a), Bytes(b)));
        }
        foreach (ulong left in notable)
        {
            foreach (ulong right in notable)
            {
                // In a vector, and after the last whole one.
                Assert.Equal(Distance(left, right), UlpDistance.Largest(dtype, Bytes([left]), Bytes([right])));
                Assert.Equal(Distance(left, right), UlpDistance.Largest(dtype, Bytes([.. Enumerable.Repeat(left, 64)]), Bytes([.. Enumerable.Repeat(right, 64)])));
            }
        }

        ulong Bits() => random.Next(4) == 0 ? notable[random.Next(notable.Length)] : (ulong)random.NextInt64() & ((sign << 1) - 1);

        byte[] Bytes(ulong[] values) => [.. values.SelectMany(value => BitConverter.GetBytes(value).Take(size))];

        // Numbers in their order as integers, in which both zeros are 0.
        BigInteger Distance(ulong left, ulong right)
        {
            BigInteger Ordered(ulong bits) => (bits & sign) == 0 ? bits : -(BigInteger)(bits & (sign - 1));
            bool IsNaN(ulong bits) => (bits & (sign - 1)) > (ulong)infinity;
            return IsNaN(left) || IsNaN(right) ? 0 : BigInteger.Abs(Ordered(left) - Ordered(right));
        }
    }

    [Fact]
    public void Integers_and_packed_types_have_none() =>
        Assert.Equal(["BF16", "F16", "F32", "F64"], DType.All.Where(UlpDistance.IsDefined).Select(static dtype => dtype.Name).Order(StringComparer.Ordinal));
}
