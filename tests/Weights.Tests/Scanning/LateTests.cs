using Weights.IO;
using Weights.Pickle;
using Weights.Scanning;
using Weights.Tests.Pickle;

namespace Weights.Tests.Scanning;

/// <summary>Calls are judged in groups while a stream is read: what is done to one that has been judged already counts as much.</summary>
public class LateTests
{
    // More calls than are judged at a time.
    private static readonly string s_others = string.Concat(Enumerable.Repeat("h\x00)R0", 5000));

    private static PickleBuilder Stream(string callable) => new PickleBuilder().Global("collections", "OrderedDict").Op("q\x00" + "0").Op(callable);

    [Fact]
    public void A_stream_of_many_calls_without_deeds_is_clean() => Assert.Equal(ScanResult.Clean, Of(Stream("h\x00)R").Op(s_others)).Result);

    [Theory]
    [InlineData("__setstate__", false)]
    [InlineData("append", true)]
    public void A_state_is_judged_whenever_it_comes(string attribute, bool isFilled)
    {
        foreach (bool isLate in new[] { false, true })
        {
            PickleBuilder stream = Stream("ccollections\nCounter\n)R").Op(isLate ? s_others : "").Op("}").Text(attribute).Global("collections", "deque").Op("sb").Op(isFilled ? "Na" : "");
            ScanFinding finding = Of(stream).Findings[0];
            Assert.Equal(($"collections.Counter with {attribute}", Verdict.Executes, 1L), (finding.Name, finding.Verdict, finding.Count));
        }
    }

    [Fact]
    public void Items_are_judged_whenever_they_come()
    {
        foreach (bool isLate in new[] { false, true })
        {
            PickleBuilder stream = Stream("ccollections\nCounter\n)R}").Text("append").Global("collections", "deque").Op("sb").Op(isLate ? s_others : "").Op("NaNa");
            ScanFinding finding = Of(stream).Findings[0];
            Assert.Equal(("collections.Counter with append", Verdict.Executes, 1L), (finding.Name, finding.Verdict, finding.Count));
        }
    }

    [Fact]
    public void An_entry_that_comes_to_a_state_late_is_told()
    {
        byte[] stream = Stream("ccollections\nCounter\n)R}q\x01" + "b").Op(s_others).Op("h\x01").Text("__class__").Global("collections", "deque").Op("s0").Stop();
        ScanFinding finding = Scan.Of(new MemoryInput("file.pkl", stream)).Findings[0];
        Assert.Equal(("an object with __class__", Verdict.Executes), (finding.Name, finding.Verdict));
        Assert.Equal((byte)'s', stream[finding.Places[0].Offset]);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(10_000)]
    public void A_telling_entry_is_found_behind_any_number_of_others(int others)
    {
        PickleBuilder stream = Stream("ccollections\nCounter\n)R}(");
        for (int index = 0; index < others; index++)
        {
            stream.Text($"k{index}").Op("N");
        }
        stream.Text("__class__").Global("collections", "deque").Op("ub");
        Assert.Equal("collections.Counter with __class__", Of(stream).Findings[0].Name);
    }

    [Fact]
    public void The_function_of_a_partial_is_judged_whenever_it_is_replaced()
    {
        foreach (bool isLate in new[] { false, true })
        {
            PickleBuilder stream = Stream("cfunctools\npartial\n").Global("torch", "relu").Op("\x85R").Op(isLate ? s_others : "").Op("(").Global("os", "system").Op(")}Ntb");
            ScanReport report = Of(stream);
            Assert.Contains(report.Findings, static finding => finding is { Name: "functools.partial", Verdict: Verdict.Executes, Count: 1 });
        }
    }

    [Fact]
    public void A_file_in_a_stream_is_read_wherever_it_stands()
    {
        byte[] inner = new PickleBuilder().Global("os", "system").Op(")R").Stop();
        byte[] stream = Stream("").Op(s_others).Global("torch.storage", "_load_from_bytes").Op($"C{(char)inner.Length}").Bytes(inner).Op("\x85R0").Op(s_others).Op("N").Stop();
        ScanReport report = Scan.Of(new MemoryInput("file.pkl", stream));
        Assert.Equal(("os.system", 1L), (report.Findings[0].Name, report.Findings[0].Count));
        Assert.Equal(10_000, report.Findings.Single(static finding => finding.Name == "collections.OrderedDict").Count);
        Assert.Equal(2, report.StreamCount);
    }

    [Fact]
    public void What_has_been_judged_is_not_kept()
    {
        Counting judge = new();
        byte[] stream = Stream("]q\x01(").Op(string.Concat(Enumerable.Repeat("h\x00)R", 100_000))).Op("eh\x01NQ").Stop();
        PickleMachine machine = new(new MemoryBytes(stream), "p") { Judge = judge, KeepsValues = false };
        Assert.IsType<PicklePersistentId>(machine.Run());
        Assert.Equal(100_000, judge.Calls + machine.Calls.Count);
        Assert.InRange(machine.Calls.Count, 0, 5000);
        Assert.Empty(machine.PersistentIds);
        machine.JudgeCalls();
        Assert.Equal((100_000, 0), (judge.Calls, machine.Calls.Count));
    }

    private static ScanReport Of(PickleBuilder stream) => Scan.Of(new MemoryInput("file.pkl", stream.Stop()));

    private sealed class Counting : PickleJudge
    {
        public int Calls { get; private set; }

        public override PickleGlobal? StandIn(string module, string name, bool isComputed) => null;

        public override void Judge(ReadOnlySpan<PickleCall> calls) => Calls += calls.Length;

        public override void JudgeLateState(PickleCall call, PickleNode state) => throw new InvalidOperationException();

        public override void JudgeLateItems(PickleCall call) => throw new InvalidOperationException();

        public override void JudgeLateEntry(string name, long offset) => throw new InvalidOperationException();

        public override bool IsTelling(PickleNode key, PickleNode value) => false;
    }
}
