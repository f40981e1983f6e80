using Weights.Passes.Patch;

namespace Weights.Tests.Passes.Patch;

public class BytePlanesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Words_come_apart_as_specified_and_together_again(int wordBytes)
    {
        foreach (int words in (int[])[0, 1, 5, 31, 32, 33, 64, 1000, 4096])
        {
            byte[] bytes = new byte[words * wordBytes];
            new Random(words).NextBytes(bytes);
            (byte[] planes, byte[] specified, byte[] back, byte[] scalarBack) = (new byte[bytes.Length], new byte[bytes.Length], new byte[bytes.Length], new byte[bytes.Length]);

            BytePlanes.Split(bytes, wordBytes, planes);
            BytePlanes.SplitScalar(bytes, wordBytes, specified, 0, words);
            BytePlanes.Join(planes, wordBytes, back);
            BytePlanes.JoinScalar(planes, wordBytes, scalarBack, 0, words);

            Assert.Equal(specified, planes);
            Assert.Equal(bytes, back);
            Assert.Equal(bytes, scalarBack);
        }
    }

    [Fact]
    public void The_lowest_bytes_of_all_words_come_first()
    {
        byte[] planes = new byte[8];
        BytePlanes.Split([1, 2, 3, 4, 5, 6, 7, 8], 4, planes);
        Assert.Equal([1, 5, 2, 6, 3, 7, 4, 8], planes);
    }
}
