using System.Text;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Tests.Pickle;

/// <summary>Each opcode against what Python makes of it.</summary>
public class PickleMachineTests
{
    // Written as Latin-1: each character is a byte.
    [Theory]
    [InlineData("N.", "None")]
    [InlineData("\x88.", "True")]
    [InlineData("\x89.", "False")]
    [InlineData("I01\n.", "True")]
    [InlineData("I00\n.", "False")]
    [InlineData("I1\n.", "1")]
    [InlineData("I-17\n.", "-17")]
    [InlineData("I0x1F\n.", "31")]
    [InlineData("I99999999999999999999\n.", "99999999999999999999L")]
    [InlineData("L5L\n.", "5")]
    [InlineData("L-9223372036854775808L\n.", "-9223372036854775808")]
    [InlineData("L9223372036854775808L\n.", "9223372036854775808L")]
    [InlineData("L-36893488147419103232\n.", "-36893488147419103232L")]
    [InlineData("J\x00\x00\x00\x80.", "-2147483648")]
    [InlineData("J\xff\xff\xff\x7f.", "2147483647")]
    [InlineData("K\xff.", "255")]
    [InlineData("M\xff\xfe.", "65279")]
    [InlineData("\x8a\x00.", "0")]
    [InlineData("\x8a\x01\xff.", "-1")]
    [InlineData("\x8a\x02\xff\x00.", "255")]
    [InlineData("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.", "9223372036854775808L")]
    [InlineData("\x8b\x02\x00\x00\x00\x00\x80.", "-32768")]
    [InlineData("F1.5\n.", "1.5f")]
    [InlineData("F-inf\n.", "-Infinityf")]
    [InlineData("Fnan\n.", "NaNf")]
    [InlineData("F1e-05\n.", "1E-05f")]
    [InlineData("G\x3f\xf8\x00\x00\x00\x00\x00\x00.", "1.5f")]
    [InlineData("G\x80\x00\x00\x00\x00\x00\x00\x00.", "-0f")]
    [InlineData("S'a\\tb\\x41\\101\\\\ \\q\\''\n.", "'a\tbAA\\ \\q''")]
    [InlineData("S\"it's\"\n.", "'it's'")]
    [InlineData("T\x03\x00\x00\x00" + "abc.", "'abc'")]
    [InlineData("U\u0002ab.", "'ab'")]
    [InlineData("U\x02\xc3\xa9.", "'é'")]
    [InlineData("U\x02\xff\xfe.", "'ÿþ'")]
    [InlineData("Va\\u00e9\\\\u\\U0001F980\xe9\n.", "'aé\\\\u🦀é'")]
    [InlineData("X\x02\x00\x00\x00\xc3\xa9.", "'é'")]
    [InlineData("\x8c\x01x.", "'x'")]
    [InlineData("\x8d\x01\x00\x00\x00\x00\x00\x00\x00x.", "'x'")]
    [InlineData("C\x02\x00\xff.", "b00ff")]
    [InlineData("B\x01\x00\x00\x00\x07.", "b07")]
    [InlineData("\x8e\x01\x00\x00\x00\x00\x00\x00\x00\x07.", "b07")]
    [InlineData("\x96\x01\x00\x00\x00\x00\x00\x00\x00\x07.", "array07")]
    public void A_value_without_parts_is_decoded(string pickle, string expected) => Assert.Equal(expected, Run(pickle).Show());

    [Theory]
    [InlineData("].", "[]")]
    [InlineData(").", "()")]
    [InlineData("}.", "{}")]
    [InlineData("\x8f.", "{}")]
    [InlineData("(K\x01K\x02l.", "[1, 2]")]
    [InlineData("(K\x01K\x02t.", "(1, 2)")]
    [InlineData("(t.", "()")]
    [InlineData("(K\x01K\x02K\x03K\x04" + "d.", "{1: 2, 3: 4}")]
    [InlineData("K\x01\x85.", "(1)")]
    [InlineData("K\x01K\x02\x86.", "(1, 2)")]
    [InlineData("K\x01K\x02K\x03\x87.", "(1, 2, 3)")]
    [InlineData("]K\x01" + "aNa.", "[1, None]")]
    [InlineData("](K\x01Ne.", "[1, None]")]
    [InlineData("}K\x01K\x02s.", "{1: 2}")]
    [InlineData("}(K\x01K\x02K\x03Nu.", "{1: 2, 3: None}")]
    [InlineData("\x8f(K\x01K\x02\x90.", "{1, 2}")]
    [InlineData("(K\x01\x91.", "frozen{1}")]
    public void Containers_are_made_and_filled(string pickle, string expected) => Assert.Equal(expected, Run(pickle).Show());

    [Theory]
    [InlineData("K\x07p0\n0g0\n.", "7")]
    [InlineData("K\x07q\x05" + "0h\x05.", "7")]
    [InlineData("K\x07r\x00\x00\x00\x80" + "0j\x00\x00\x00\x80.", "7")]
    [InlineData("K\x07\x94K\x08\x94" + "0h\x00\x86.", "(7, 7)")]
    [InlineData("K\x07q\x00K\x08q\x00" + "0h\x00\x86.", "(7, 8)")]
    [InlineData("K\x07q\x01K\x08\x94" + "h\x01\x87.", "(7, 8, 8)")]
    [InlineData("K\x01" + "2\x86.", "(1, 1)")]
    [InlineData("K\x01K\x02" + "0.", "1")]
    [InlineData("K\x01(K\x02K\x03" + "1.", "1")]
    [InlineData("K\x01(0.", "1")]
    [InlineData("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01.", "1")]
    public void Memo_and_stack_are_as_in_Python(string pickle, string expected) => Assert.Equal(expected, Run(pickle).Show());

    [Theory]
    [InlineData("cos\nsystem\n.", "os.system")]
    [InlineData("\x8c\x02os\x8c\x06system\x93.", "os.system")]
    [InlineData("cos\nsystem\n(X\x01\x00\x00\x00xtR.", "os.system('x')")]
    [InlineData("ca\nB\n)\x81}X\x01\x00\x00\x00kK\x01sb.", "a.B() state {'k': 1}")]
    [InlineData("ca\nB\n)}X\x01\x00\x00\x00kK\x01s\x92.", "a.B()**{'k': 1}")]
    [InlineData("(K\x01ia\nB\n.", "a.B(1)")]
    [InlineData("(ca\nB\nK\x01o.", "a.B(1)")]
    [InlineData("ca\nB\n)R(K\x01K\u0002e.", "a.B() items [1, 2]")]
    [InlineData("ca\nB\n)RK\x01K\x02s.", "a.B() entries {1: 2}")]
    [InlineData("cos\nenviron\nK\x01K\x02s.", "os.environ entries {1: 2}")]
    [InlineData("cos\npath\n}b.", "os.path state {}")]
    [InlineData("ca\nB\n)R)R.", "a.B()()")]
    [InlineData("K\x01K\x02Q\x86.", "(1, persistent<2>)")]
    [InlineData("Pabc\n.", "persistent<'abc'>")]
    [InlineData("\x8c\x02osca\nB\n)R\x93.", "?os.?")]
    public void What_Python_would_import_and_call_is_written_down(string pickle, string expected) => Assert.Equal(expected, Run(pickle).Show());

    [Fact]
    public void Names_and_calls_are_listed_with_their_offsets_even_when_they_are_dropped()
    {
        byte[] pickle = new PickleBuilder().Op("\x80\x02").Global("os", "system").Op("(").Text("x").Op("tR0K\x01").Stop();
        PickleMachine machine = new(new MemoryBytes(pickle), "p");
        Assert.Equal("1", machine.Run().Show());
        Assert.Equal(("os.system", 2), (Assert.Single(machine.Globals).FullName, machine.Globals[0].Offset));
        Assert.Equal(("os.system('x')", 21), (Assert.Single(machine.Calls).Show(), machine.Calls[0].Offset));
        Assert.Equal(pickle.Length, machine.End);
    }

    [Fact]
    public void Names_are_listed_of_a_stream_that_breaks_off()
    {
        PickleMachine machine = Machine("cos\nsystem\n(X\x01\x00\x00\x00xtR\xff");
        Assert.Throws<WeightFileException>(machine.Run);
        Assert.Equal("os.system", Assert.Single(machine.Globals).FullName);
        Assert.Single(machine.Calls);
    }

    [Fact]
    public void A_list_may_hold_itself()
    {
        PickleList list = Assert.IsType<PickleList>(Run("]q\x00h\x00" + "a."));
        Assert.Same(list, Assert.Single(list.Items));
    }

    [Fact]
    public void Unpaired_surrogates_pass_and_other_bytes_that_are_no_UTF8_do_not()
    {
        Assert.Equal("\uD800x\uDFFF", ((PickleText)Run("X\x07\x00\x00\x00\xed\xa0\x80x\xed\xbf\xbf.")).Text);
        foreach (string bad in (string[])["\xc3(", "\xff", "\xed\xa0", "\xc0\x80", "\xf5\x80\x80\x80"])
        {
            Assert.Equal(Fault.Corrupt, Assert.Throws<WeightFileException>(() => Run($"\x8c{(char)bad.Length}{bad}.")).Fault);
        }
    }

    [Theory]
    [InlineData("", Fault.Corrupt)]
    [InlineData(".", Fault.Corrupt)]
    [InlineData("K\x01", Fault.Corrupt)]
    [InlineData("K", Fault.Corrupt)]
    [InlineData("K\x01t.", Fault.Corrupt)]
    [InlineData("K\x01\x86.", Fault.Corrupt)]
    [InlineData("K\x01(K\x02\x86.", Fault.Corrupt)]
    [InlineData("(K\x01R.", Fault.Corrupt)]
    [InlineData("K\x01K\x02" + "a.", Fault.Corrupt)]
    [InlineData("](K\x01K\x02K\x03u.", Fault.Corrupt)]
    [InlineData("}(K\x01K\x02K\x03u.", Fault.Corrupt)]
    [InlineData("(K\x01" + "d.", Fault.Corrupt)]
    [InlineData("](K\x01\x90.", Fault.Corrupt)]
    [InlineData("(\x91(K\x01\x90.", Fault.Corrupt)]
    [InlineData("]}b.", Fault.Corrupt)]
    [InlineData("K\x01K\x02\x93.", Fault.Corrupt)]
    [InlineData("h\x05.", Fault.Corrupt)]
    [InlineData("gx\n.", Fault.Corrupt)]
    [InlineData("K\x01p-1\n.", Fault.Corrupt)]
    [InlineData("K\x01p4294967296\n.", Fault.Corrupt)]
    [InlineData("Ix\n.", Fault.Corrupt)]
    [InlineData("I\n.", Fault.Corrupt)]
    [InlineData("F1,5\n.", Fault.Corrupt)]
    [InlineData("Sabc\n.", Fault.Corrupt)]
    [InlineData("S'abc\\'\n.", Fault.Corrupt)]
    [InlineData("S'\\x4'\n.", Fault.Corrupt)]
    [InlineData("V\\u12\n.", Fault.Corrupt)]
    [InlineData("V\\U00110000\n.", Fault.Corrupt)]
    [InlineData("\x8a\x05\x01.", Fault.Corrupt)]
    [InlineData("\x8b\xff\xff\xff\xff.", Fault.Corrupt)]
    [InlineData("T\xff\xff\xff\xff.", Fault.Corrupt)]
    [InlineData("X\xff\xff\xff\xff" + "abc.", Fault.Corrupt)]
    [InlineData("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", Fault.Corrupt)]
    [InlineData("\x8e\x00\x00\x00\x00\x00\x00\x00\x80.", Fault.Corrupt)]
    [InlineData("\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", Fault.Corrupt)]
    [InlineData("cos\nsystem", Fault.Corrupt)]
    [InlineData("\xff.", Fault.Corrupt)]
    [InlineData("\x80\x06.", Fault.Unsupported)]
    [InlineData("\x82\x01.", Fault.Unsupported)]
    [InlineData("\x83\x01\x00.", Fault.Unsupported)]
    [InlineData("\x84\x01\x00\x00\x00.", Fault.Unsupported)]
    [InlineData("\x97.", Fault.Unsupported)]
    [InlineData("K\x01\x98.", Fault.Unsupported)]
    public void A_broken_stream_is_refused_with_the_name_of_the_entry_and_the_offset(string pickle, Fault fault)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Run(pickle));
        Assert.Equal(fault, error.Fault);
        Assert.StartsWith("a/data.pkl: the pickle", error.Message.Replace("0xff is no pickle opcode", "the pickle"), StringComparison.Ordinal);
        Assert.InRange(error.Offset!.Value, 0, pickle.Length);
    }

    [Fact]
    public void Long_values_stay_in_the_stream_until_they_are_wanted()
    {
        string text = string.Concat(Enumerable.Repeat("é", 100_000));
        byte[] pickle = new PickleBuilder().Op("(").Text(text).Op("B").UInt32(300_000).Bytes(new byte[300_000]).Op("T").UInt32(70_000).Bytes(Encoding.Latin1.GetBytes(new string('ÿ', 70_000))).Op("t").Stop();
        PickleNode[] items = Assert.IsType<PickleTuple>(Run(pickle)).Items;
        Assert.Equal(text, ((PickleText)items[0]).Text);
        Assert.Equal(300_000, ((PickleBytes)items[1]).Value.Length);
        Assert.Equal(new string('ÿ', 70_000), ((PickleText)items[2]).Text);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(pickle);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000); // the window of 64 KiB, and little else
    }

    [Fact]
    public void Values_that_straddle_the_window_are_whole()
    {
        PickleBuilder pickle = new PickleBuilder().Op("(");
        List<string> expected = [];
        for (int index = 0; index < 5000; index++)
        {
            string text = new('x', index % 97);
            pickle.Text(text).Integer(index).Op($"S'{text}'\n").Op($"I{index}\n");
            expected.AddRange([$"'{text}'", $"{index}", $"'{text}'", $"{index}"]);
        }
        Assert.Equal($"({string.Join(", ", expected)})", Run(pickle.Op("t").Stop()).Show());
    }

    private static PickleMachine Machine(string latin1) => new(new MemoryBytes(Encoding.Latin1.GetBytes(latin1)), "a/data.pkl");

    private static PickleNode Run(string latin1) => Machine(latin1).Run();

    private static PickleNode Run(byte[] pickle) => new PickleMachine(new MemoryBytes(pickle), "p").Run();
}
