using CsCheck;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Tests.Pickle;

/// <summary>Whatever the bytes, decoding ends in a value or in a refusal.</summary>
public class PickleFuzzTests
{
    private const string EveryOpcode = ".(012FIJKLMNPQRSTUVXabcd}eghijl]opqrstu)G\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b" + "BC\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";

    [Fact]
    public void Random_bytes_are_decoded_or_refused() =>
        Gen.Byte.Array[0, 200].Sample(static bytes => Attempt(bytes), iter: 20_000);

    [Fact]
    public void Random_opcodes_are_decoded_or_refused()
    {
        // Small arguments, so that streams go on for a while; the frequent ones are there again.
        string[] opcodes = [.. EveryOpcode.Select(static letter => letter.ToString()), .. Enumerable.Repeat<string[]>(["N", "]", "}", ")", "K\x01", "(", "ca\nb\n", "\x8c\x01x", "q\x00", "h\x00", "\x94", "0", "a", "s", "R", "b", "t", "Q"], 4).SelectMany(static frequent => frequent)];
        Gen<string> opcode = Gen.Int[0, opcodes.Length - 1].Select(index => opcodes[index]);
        opcode.Array[0, 60].Sample(static stream => Attempt(new PickleBuilder().Op(string.Concat(stream)).Stop()), iter: 50_000);
    }

    [Fact]
    public void Every_prefix_and_every_changed_byte_of_a_real_pickle_is_decoded_or_refused()
    {
        byte[] pickle = new PickleBuilder().Op("\x80\x02").Dict(
            PickleBuilder.Entry("weight", static value => value.Tensor("FloatStorage", "0", 6, 0, [2, 3], [3, 1])),
            PickleBuilder.Entry("list", static value => value.Op("](I1\nF1.5\nVx\\u0041\nS'y'\nL5L\ne")),
            PickleBuilder.Entry("object", static value => value.Global("a", "B").Op(")\x81}b"))).Stop();
        Assert.IsType<PickleDict>(Attempt(pickle));
        for (int length = 0; length < pickle.Length; length++)
        {
            Assert.Null(Attempt(pickle[..length]));
        }
        for (int index = 0; index < pickle.Length; index++)
        {
            byte original = pickle[index];
            for (int value = 0; value < 256; value++)
            {
                pickle[index] = (byte)value;
                Attempt(pickle);
            }
            pickle[index] = original;
        }
    }

    private static PickleNode? Attempt(byte[] pickle)
    {
        try
        {
            return new PickleMachine(new MemoryBytes(pickle), "p").Run();
        }
        catch (WeightFileException)
        {
            return null;
        }
    }
}
