using CsCheck;
using Weights.IO;

namespace Weights.Tests.IO;

public class Crc32ValueTests
{
    [Fact]
    public void The_check_value_of_the_standard_is_met() => Assert.Equal(0xCBF43926u, Crc32Value.Of("123456789"u8));

    [Fact]
    public void Two_pieces_give_the_checksum_of_the_whole() => Gen.Select(Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 300]).Sample((left, right) =>
        Crc32Value.Concatenate(Crc32Value.Of(left), Crc32Value.Of(right), right.Length) == Crc32Value.Of([.. left, .. right]));
}
