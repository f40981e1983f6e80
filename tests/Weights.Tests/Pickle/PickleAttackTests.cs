using System.Diagnostics;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Tests.Pickle;

/// <summary>Streams made to cost more than they weigh. Each must end soon, well or refused, and allocate in proportion to its own length.</summary>
public class PickleAttackTests
{
    // A tenth of this on an idle machine; the tests run beside others.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(10);

    private const int Megabyte = 1 << 20;

    public static TheoryData<string, long> Attacks() => new()
    {
        // What, and how many bytes it may allocate for each byte of its own beyond the first megabyte.
        { "lengths beyond the end", 1 },
        { "empty lists", 80 },
        { "lists in lists", 120 },
        { "dicts in dicts", 200 },
        { "marks", 8 },
        { "duplicates", 32 },
        { "tuples in tuples", 64 }, // A node of 32 bytes and an array of one.
        { "calls of calls", 120 },
        { "states of states", 60 },
        { "short names", 120 },
        { "memo entries far apart", 120 },
        { "memo entries that collide", 120 },
        { "memo entries rewritten", 20 },
        { "digits of one number", 8 },
        { "digits of many numbers", 20 },
        { "a line without end", 8 },
        { "surrogates", 20 },
        { "escapes", 20 },
        { "empty frames", 1 },
        { "items added one by one", 40 },
        { "mark and drop", 8 },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public void An_attack_of_two_megabytes_ends_soon_and_allocates_little(string attack, long bytesPerByte)
    {
        byte[] pickle = Make(attack);
        Assert.InRange(pickle.Length, 1, 3 * Megabyte);
        Stopwatch watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            new PickleMachine(new MemoryBytes(pickle), "p").Run();
        }
        catch (WeightFileException)
        {
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Megabyte + (bytesPerByte * pickle.Length));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, s_longest);
    }

    [Theory]
    [InlineData("X\xff\xff\xff\xff")]
    [InlineData("T\xff\xff\xff\x7f")]
    [InlineData("B\xff\xff\xff\x7f")]
    [InlineData("\x8b\xff\xff\xff\x7f")]
    [InlineData("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f")]
    [InlineData("\x8e\xff\xff\xff\xff\xff\xff\xff\x7f")]
    [InlineData("\x96\xff\xff\xff\xff\xff\xff\xff\x7f")]
    [InlineData("Nr\xff\xff\xff\xff")]
    [InlineData("Np4294967295\n")]
    public void A_length_or_index_alone_allocates_nothing(string start)
    {
        byte[] pickle = new PickleBuilder().Op(start).Stop();
        Attempt(pickle); // What is allocated once.
        long before = GC.GetAllocatedBytesForCurrentThread();
        Attempt(pickle);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16_384);
    }

    [Fact]
    public void More_digits_than_Python_itself_reads_are_refused()
    {
        foreach (string opcode in (string[])["I", "L", "F"])
        {
            byte[] pickle = new PickleBuilder().Op(opcode).Op(new string('9', 5000)).Op("\n").Stop();
            Assert.Equal(Fault.Unsupported, Assert.Throws<WeightFileException>(() => new PickleMachine(new MemoryBytes(pickle), "p").Run()).Fault);
        }
    }

    [Theory]
    [InlineData(1 << 15, "(")]
    [InlineData(1 << 22, "N")]
    public void Limits_are_named_when_they_are_met(int count, string opcode)
    {
        byte[] pickle = new PickleBuilder().Op(string.Concat(Enumerable.Repeat(opcode, count))).Stop();
        WeightFileException error = Assert.Throws<WeightFileException>(() => new PickleMachine(new MemoryBytes(pickle), "p").Run());
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("more than", error.Message.Replace("deeper than", "more than"), StringComparison.Ordinal);
    }

    private static void Attempt(byte[] pickle)
    {
        try
        {
            new PickleMachine(new MemoryBytes(pickle), "p").Run();
        }
        catch (WeightFileException)
        {
        }
    }

    private static byte[] Make(string attack)
    {
        PickleBuilder pickle = new();
        const int count = 2 * Megabyte;
        return attack switch
        {
            "lengths beyond the end" => pickle.Op("X\xff\xff\xff\x7f").Bytes(new byte[count]).Stop(),
            "empty lists" => Repeat("]", count),
            "lists in lists" => Repeat("]", count / 2, "a"),
            "dicts in dicts" => Repeat("}N", count / 3, "s"),
            "marks" => Repeat("(", count),
            "duplicates" => Repeat("2", count, start: "N"),
            "tuples in tuples" => Repeat("\x85", count, start: ")"),
            "calls of calls" => Repeat(")R", count / 2, start: "ca\nb\n"),
            "states of states" => Repeat("Nb", count / 2, start: "ca\nb\n"),
            "short names" => Repeat("ca\nb\n0", count / 6, start: ""),
            "memo entries far apart" => Puts(count / 5, static index => (uint)((ulong)index * 2_654_435_761 % uint.MaxValue)),
            // Multiples of a prime that sizes .NET's hash tables.
            "memo entries that collide" => Puts(count / 5, static index => (uint)index * 100_003u),
            "memo entries rewritten" => Repeat("q\x05", count / 2, start: "N"),
            "digits of one number" => pickle.Op("L").Bytes([.. Enumerable.Repeat((byte)'7', count)]).Op("\n").Stop(),
            "digits of many numbers" => Repeat($"L{new string('8', 4200)}\n0", count / 4203),
            "a line without end" => pickle.Op("V").Bytes([.. Enumerable.Repeat((byte)'x', count)]).ToArray(),
            "surrogates" => Repeat("X\x06\x00\x00\x00\xed\xa0\x80\xed\xa0\x80" + "0", count / 12),
            "escapes" => pickle.Op("V").Bytes([.. Enumerable.Repeat("\\u0041"u8.ToArray(), count / 6).SelectMany(static escape => escape)]).Op("\n").Stop(),
            "empty frames" => Repeat("\x95\x00\x00\x00\x00\x00\x00\x00\x00", count / 9, start: "N"),
            "items added one by one" => Repeat("Na", count / 2, start: "]"),
            "mark and drop" => Repeat("(1", count / 2, start: "N"),
            _ => throw new ArgumentException(attack),
        };
    }

    // `opcode` many times, then `then` as often, so that what was opened is closed.
    private static byte[] Repeat(string opcode, int count, string then = "", string start = "")
    {
        string all = start + string.Concat(Enumerable.Repeat(opcode, count)) + string.Concat(Enumerable.Repeat(then, Math.Max(count - 1, 0)));
        return new PickleBuilder().Op(all).Stop();
    }

    private static byte[] Puts(int count, Func<int, uint> index)
    {
        PickleBuilder pickle = new PickleBuilder().Op("N");
        for (int put = 0; put < count; put++)
        {
            pickle.Op("r").UInt32(index(put));
        }
        return pickle.Stop();
    }
}
