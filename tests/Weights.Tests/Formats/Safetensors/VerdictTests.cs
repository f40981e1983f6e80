using System.Text;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.Safetensors;

/// <summary>The reference library's verdicts on 242 files: fixtures/safetensors/verdicts.</summary>
public class VerdictTests
{
    private const string Folder = "safetensors/verdicts/";

    // Where the description of the format is stricter than the library's code, we are too.
    private static readonly string[] s_stricter = ["duplicate-key.safetensors", "duplicate-key-different.safetensors", "info-as-array.safetensors"];

    // What our sentence must speak of where the library has that error; several errors of ours may be one of its.
    private static readonly Dictionary<string, string[]> s_sense = new()
    {
        ["HeaderTooSmall"] = ["but the length of the header alone takes 8"],
        ["HeaderTooLarge"] = ["100,000,000 are the most there can be"],
        ["InvalidHeaderLength"] = ["of them are missing, and all tensors"],
        ["InvalidHeader"] = ["is not UTF-8"],
        ["InvalidHeaderDeserialization"] =
        [
            "not valid JSON", "not a JSON object", "no dtype", "no shape", "no data_offsets", "the dtype '", "dtype that is not a string", "two fields", "data_offsets instead of two",
            "is not an array", "is not a whole number", "not described by an object", "__metadata__ twice", "__metadata__ is not an object", "is not a string", "surrogate",
        ],
        ["InvalidOffset"] = ["overlap the tensor before it", "leave a gap", "end before they begin"],
        ["ValidationOverflow"] = ["overflows"],
        ["MisalignedSlice"] = ["whole number of bytes"],
        ["TensorInvalidInfo"] = ["bytes, but its data_offsets"],
        ["MetadataIncompleteBuffer"] = ["bytes are missing", "bytes follow the last tensor"],
    };

    public static TheoryData<string, bool, string> Verdicts()
    {
        TheoryData<string, bool, string> data = [];
        foreach (string line in File.ReadAllLines(Fixtures.Path(Folder + "verdicts.tsv")).Skip(1))
        {
            string[] fields = line.Split('\t');
            data.Add(fields[0], fields[1] == "accept", fields[2]);
        }
        Assert.Equal(242, data.Count);
        return data;
    }

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void Files_are_accepted_and_refused_as_by_the_reference_library(string name, bool accepted, string referenceError)
    {
        string path = Fixtures.Path(Folder + name);
        Exception? error = Record.Exception(() => Format.Safetensors.Read(new FileInput(path), new ReadOptions()).Dispose());
        if (s_stricter.Contains(name))
        {
            Assert.True(accepted);
            Assert.Equal(Fault.Corrupt, Assert.IsType<WeightFileException>(error).Fault);
            return;
        }
        if (accepted)
        {
            Assert.Null(error);
            return;
        }
        WeightFileException refusal = Assert.IsType<WeightFileException>(error);
        Assert.Contains(s_sense[referenceError], part => refusal.Reason.Contains(part, StringComparison.Ordinal));
        Assert.Equal(refusal.Reason.Contains("is none of safetensors'", StringComparison.Ordinal) ? Fault.Unsupported : Fault.Corrupt, refusal.Fault);
    }

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void The_front_door_gives_the_same_verdicts(string name, bool accepted, string referenceError)
    {
        string path = Fixtures.Path(Folder + name);
        Exception? error = Record.Exception(() => Format.Open(path).Dispose());
        Assert.Equal(accepted && !s_stricter.Contains(name), error is null);
        Assert.True(error is null || Assert.IsType<WeightFileException>(error).File == path, referenceError);
    }

    // The first column is what follows the tensor's three fields, the second whether the library accepts it.
    [Theory]
    [InlineData("""{"k":1,"k":[{},null,"é"]}""", true)]
    [InlineData("-0", true)]
    [InlineData("18446744073709551616", true)]
    [InlineData("0.5e-99999", true)]
    [InlineData("1e308", true)]
    [InlineData("1e309", false)]
    [InlineData("[[-1e400]]", false)]
    [InlineData("01", false)]
    [InlineData("NaN", false)]
    [InlineData(@"""\/\u00e9\ud83d\ude00""", true)]
    [InlineData(@"""\ud83d""", false)]
    [InlineData(@"""\ude00""", false)]
    [InlineData(@"""\ud83d\u0041""", false)]
    [InlineData(@"""\ud83d\ud83d\ude00""", false)]
    [InlineData(@"""\\ud83d""", true)]
    [InlineData(@"{""\ud83dx"":1}", false)]
    [InlineData(@"""\x""", false)]
    [InlineData("\"\u007f\"", true)]
    [InlineData("\"\u001f\"", false)]
    public void Fields_that_are_ignored_must_still_be_sound(string value, bool accepted) =>
        AssertVerdict($$$"""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":{{{value}}}}}""", accepted);

    [Theory]
    [InlineData(125, true)]
    [InlineData(126, false)]
    public void Values_nest_127_levels_deep(int arrays, bool accepted) =>
        AssertVerdict($$$"""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":{{{new string('[', arrays)}}}{{{new string(']', arrays)}}}}}""", accepted);

    [Theory]
    [InlineData("""{"a":{"dtype":{"F32":null},"shape":[4],"data_offsets":[0,16]}}""", true)]
    [InlineData("""{"a":{"dtype":{"F32":[]},"shape":[4],"data_offsets":[0,16]}}""", false)]
    [InlineData("""{"a":{"dtype":{"F32":null,"F16":null},"shape":[4],"data_offsets":[0,16]}}""", false)]
    [InlineData("""{"a":{"dtype":{},"shape":[4],"data_offsets":[0,16]}}""", false)]
    [InlineData("""{"a":{"dtyp\u0065":"F\u00332","shape":[4],"data_offsets":[0,16]}}""", true)]
    [InlineData("""{"__metadat\u0061__":{"x":"y"},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", true)]
    [InlineData("""{"__metadata__":null,"__metadata__":{},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", false)]
    [InlineData("""{"__metadata__":{"\ud800":"x"},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", false)]
    [InlineData("""{"a":{"Dtype":1,"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", true)]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[00,16]}}""", false)]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[ 4 ],\"data_offsets\":[\t0 ,\r\n16]}}", true)]
    [InlineData("\u000b{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", false)]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}\u000c", false)]
    [InlineData("""{"a":{"dtype":"F32","shape":{"0":4},"data_offsets":[0,16]}}""", false)]
    public void Other_spellings_are_judged_as_by_the_reference_library(string header, bool accepted) => AssertVerdict(header, accepted);

    [Theory]
    [InlineData("[0,18446744073709551615]", Fault.Unsupported)]
    [InlineData("[4611686018427387904,2,0]", Fault.Unsupported)]
    [InlineData("[4611686018427387904,4,0]", Fault.Corrupt)]
    public void An_empty_tensor_of_immense_dimensions_is_refused_for_the_true_reason(string shape, Fault fault)
    {
        byte[] file = FileOf($$$"""{"a":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,0]}}""", 0);
        Assert.Equal(fault, Assert.Throws<WeightFileException>(() => Read(file)).Fault);
    }

    [Theory]
    [InlineData("""{"a":{"shape":[4],"dtype":"F32"}}""", "}}", "a", "no data_offsets")]
    [InlineData("""{"a":{"shape":[4],"dtype":"F8_E5M3","data_offsets":[0,16]}}""", "\"F8_E5M3", "a", "'F8_E5M3'")]
    [InlineData("""{"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", "\"a\"", "a", "gap")]
    [InlineData("""{"__metadata__":{"k":1}}""", "1}", null, "'k'")]
    [InlineData("""{"a":nul}""", "nul}", null, "JSON")]
    public void Errors_say_what_and_where(string header, string position, string? tensor, string part)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Read(FileOf(header, 16)));
        Assert.Equal((tensor, 8L + header.IndexOf(position, StringComparison.Ordinal)), (error.Tensor, error.Offset));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    private static void AssertVerdict(string header, bool accepted)
    {
        Exception? error = Record.Exception(() => Read(FileOf(header, 16)));
        Assert.True(accepted ? error is null : error is WeightFileException { Fault: Fault.Corrupt }, error?.ToString() ?? "accepted");
    }

    private static void Read(byte[] file) => Format.Safetensors.Read(new MemoryInput("memory", file), new ReadOptions()).Dispose();

    private static byte[] FileOf(string header, int dataBytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[dataBytes]];
    }
}
