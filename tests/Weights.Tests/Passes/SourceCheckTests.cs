using CsCheck;
using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Passes;

public class SourceCheckTests
{
    private const int Length = 40;
    private static readonly byte[] s_bytes = [.. Enumerable.Range(0, Length).Select(static index => (byte)(index * 37))];
    private static readonly Gen<(int Start, int End)[]> s_pieces = Gen.Select(Gen.Int[0, Length], Gen.Int[0, Length], static (a, b) => (Math.Min(a, b), Math.Max(a, b))).Array[0, 20];

    [Fact]
    public void Whatever_the_order_and_overlap_the_verdict_comes_with_the_last_byte() => s_pieces.Sample(static pieces =>
    {
        SourceCheck good = new(new RecordedBytes(s_bytes, Crc32Value.Of(s_bytes)));
        SourceCheck bad = new(new RecordedBytes(s_bytes, Crc32Value.Of(s_bytes) ^ 1));
        bool[] seen = new bool[Length];
        bool told = false;
        foreach ((int start, int end) in pieces.Append((0, 0)).Append((3, Length)).Append((0, Length)))
        {
            ReadOnlyMemory<byte> piece = s_bytes.AsMemory(start..end);
            seen.AsSpan(start..end).Fill(true);
            good.Saw(start, piece.Span);
            if (!told && seen.All(static byteSeen => byteSeen))
            {
                Assert.Equal(Fault.Corrupt, Assert.Throws<WeightFileException>(() => bad.Saw(start, piece.Span)).Fault);
                told = true;
            }
            else
            {
                bad.Saw(start, piece.Span);
            }
        }
        Assert.True(told);
    });

    [Fact]
    public void Without_a_recorded_checksum_there_is_nothing_to_say() => new SourceCheck(new RecordedBytes(s_bytes, null)).Saw(0, s_bytes);
}
