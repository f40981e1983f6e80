using Weights.Tests.Pickle;
using static Weights.Tests.Pickle.PickleBuilder;

namespace Weights.Tests.Formats.PyTorch;

/// <summary>What a checkpoint says beside its tensors.</summary>
public class MetadataTests
{
    [Theory]
    [InlineData("N", "null")]
    [InlineData("\x88", "true")]
    [InlineData("K\x07", "7")]
    [InlineData("L-9223372036854775808L\n", "-9223372036854775808")]
    [InlineData("L9223372036854775808L\n", "\"9223372036854775808\"")]
    [InlineData("F0.1\n", "0.1")]
    [InlineData("F1\n", "1.0")]
    [InlineData("Fnan\n", "\"NaN\"")]
    [InlineData("F-inf\n", "\"-Infinity\"")]
    [InlineData("Va\\u00e9\n", "\"aé\"")]
    [InlineData("](K\x01](K\x02" + "ee", "[1,[2]]")]
    [InlineData("(K\x01(K\x02tt", "[1,[2]]")]
    [InlineData("\x8f(K\x03\x90", "[3]")]
    [InlineData("}(K\x01NNK\x02u", "{\"1\":null,\"None\":2}")]
    [InlineData("}", "{}")]
    [InlineData("C\x02\x00\xff", "{\"$class\":\"bytes\",\"$hex\":\"00ff\"}")]
    [InlineData("c_codecs\nencode\n(V\\u00ff\nVlatin1\ntR", "{\"$class\":\"bytes\",\"$hex\":\"ff\"}")]
    [InlineData("c__builtin__\nbytearray\n(Va\nVlatin-1\ntR", "{\"$class\":\"bytearray\",\"$hex\":\"61\"}")]
    [InlineData("c__builtin__\nbytes\n)R", "{\"$class\":\"bytes\",\"$hex\":\"\"}")]
    [InlineData("ccollections\nOrderedDict\n)R(K\x01K\x02u", "{\"1\":2}")]
    [InlineData("ccollections\nOrderedDict\n(](](K\x01K\x02" + "eetR", "{\"1\":2}")]
    [InlineData("ccollections\nOrderedDict\n)RK\x01K\x02s}Vx\nNsb", "{\"1\":2}")]
    [InlineData("ccollections\ndefaultdict\n(c__builtin__\nint\ntRK\x01K\x02s", "{\"1\":2}")]
    [InlineData("ccollections\nCounter\n(}K\x01K\x02stR", "{\"1\":2}")]
    [InlineData("cbuiltins\nset\n(](K\x01" + "etR", "[1]")]
    [InlineData("ctorch\nSize\n((K\x02K\x03ttR", "[2,3]")]
    [InlineData("ctorch\ndevice\n(Vcuda\nK\x01tR", "\"cuda:1\"")]
    [InlineData("ctorch\ndevice\n(Vcpu\ntR", "\"cpu\"")]
    [InlineData("ctorch\nbfloat16\n", "\"torch.bfloat16\"")]
    [InlineData("ctorch\nchannels_last\n", "\"torch.channels_last\"")]
    [InlineData("c__builtin__\nint\n", "{\"$global\":\"__builtin__.int\"}")]
    [InlineData("cbuiltins\ncomplex\n(F1\nF-2\ntR", "{\"$class\":\"complex\",\"$items\":[1.0,-2.0]}")]
    [InlineData("cpathlib\nPosixPath\n(V/\nVa\nVb\ntR", "\"/a/b\"")]
    [InlineData("cdatetime\ndatetime\n(C\x0a\x07\xe8\x02\x1d\x0c\x1e\x0f\x00\x00\x2atR", "\"2024-02-29T12:30:15.000042\"")]
    [InlineData("cdatetime\ndate\n(C\x04\x07\xe8\x02\x1dtR", "\"2024-02-29\"")]
    [InlineData("cargparse\nNamespace\n)\x81}Vlr\nF0.5\nsb", "{\"$class\":\"argparse.Namespace\",\"$state\":{\"lr\":0.5}}")]
    [InlineData("ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR}Vlr\nF0.5\nsb", "{\"$class\":\"argparse.Namespace\",\"$state\":{\"lr\":0.5}}")]
    [InlineData("cm\nColor\n(K\x01tR", "{\"$class\":\"m.Color\",\"$args\":[1]}")]
    [InlineData("cm\nBox\n)\x81K\x01K\x02s", "{\"$class\":\"m.Box\",\"$entries\":{\"1\":2}}")]
    [InlineData("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(Vf8\nK\x00K\x01tR(K\x03V<\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbC\x08\x00\x00\x00\x00\x00\x00\xe0?tR", "0.5")]
    [InlineData("cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(Vi2\nK\x00K\x01tR(K\x03V>\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbC\x02\xff\xfetR", "-2")]
    [InlineData("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(Vb1\nK\x00K\x01tR(K\x03V|\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbC\x01\x01tR", "true")]
    [InlineData("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VU2\nK\x00K\x01tR(K\x03V<\nNNNK\x08K\x04K\x08tbC\x08h\x00\x00\x00\xe9\x00\x00\x00tR", "\"hé\"")]
    public void Values_become_what_they_mean(string pickled, string json)
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}(").Text("w").Floats("0", 1).Text("value").Op(pickled).Op("u"));
        Assert.Equal(("w", json), (checkpoint.Names(), checkpoint.Metadata["value"]?.ToJson()));
    }

    [Fact]
    public void Metadata_is_nested_as_the_file_with_tensors_and_what_is_left_out_taken_away()
    {
        PickleBuilder pickle = new PickleBuilder().Dict(
            Entry("epoch", static value => value.Op("K\x03")),
            Entry("state_dict", static value => value.Dict(Entry("w", static inner => inner.Floats("0", 1)), Entry("version", static inner => inner.Op("K\x02")))),
            Entry("optimizer", static value => value.Dict(Entry("m", static inner => inner.Floats("1", 1)), Entry("lr", static inner => inner.Op("K\x09")))),
            Entry("stats", static value => value.Dict(Entry("mean", static inner => inner.Floats("2", 1)), Entry("name", static inner => inner.Text("x")))));
        using Checkpoint checkpoint = TorchFiles.Open(pickle);
        Assert.Equal("""{"epoch":3,"state_dict":{"version":2},"stats":{"name":"x"}}""", checkpoint.Metadata.ToJson());
        Assert.Equal("optimizer stats", checkpoint.LeftOutPaths());
    }

    [Theory]
    [InlineData("]q\x00h\x00" + "a", "contains itself")]
    [InlineData("}q\x00K\x01h\x00s", "contains itself")]
    public void A_value_within_itself_is_left_out_by_name(string pickled, string reason)
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}(").Text("w").Floats("0", 1).Text("value").Op(pickled).Op("u"));
        LeftOut left = Assert.Single(checkpoint.LeftOut);
        Assert.Equal("value", left.Path);
        Assert.Contains(reason, left.Reason, StringComparison.Ordinal);
        Assert.Empty(checkpoint.Metadata);
    }

    [Fact]
    public void Long_bytes_are_left_out_and_what_stands_beside_them_stays()
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}(").Text("w").Floats("0", 1).Text("x").Op("](K\x01" + "B").UInt32(5000).Bytes(new byte[5000]).Op("K\x02" + "eu"));
        Assert.Equal("""{"x":[1,null,2]}""", checkpoint.Metadata.ToJson());
        Assert.Equal("x.1", checkpoint.LeftOutPaths());
    }

    [Theory]
    [InlineData(65, true)]
    [InlineData(63, false)]
    public void Depth_ends_where_metadata_ends(int depth, bool isLeftOut)
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}(").Text("w").Floats("0", 1).Text("x").Op(new string(']', depth) + new string('a', depth - 1)).Op("u"));
        Assert.Equal(isLeftOut ? "x" : "", checkpoint.LeftOutPaths());
    }

    [Fact]
    public void A_call_is_a_record_and_said_not_to_have_been_made()
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("}(").Text("w").Floats("0", 1).Text("x").Op("cos\nsystem\n(Vtouch executed\ntRu"));
        Assert.Equal("""{"x":{"$class":"os.system","$args":["touch executed"]}}""", checkpoint.Metadata.ToJson());
        Assert.Equal("os.system", checkpoint.LeftOutPaths());
        Assert.False(File.Exists("executed"));
    }

    [Fact]
    public void A_call_that_the_stream_drops_is_said_not_to_have_been_made()
    {
        using Checkpoint checkpoint = TorchFiles.Open(new PickleBuilder().Op("cos\nsystem\n(Vx\ntR0").Floats("0", 1));
        Assert.Equal(("tensor", "os.system"), (checkpoint.Names(), checkpoint.LeftOutPaths()));
    }
}
