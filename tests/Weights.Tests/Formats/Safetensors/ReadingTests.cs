using System.Text;
using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.Safetensors;

public class ReadingTests
{
    [Fact]
    public void Tensors_come_in_the_order_of_their_bytes_whatever_the_headers()
    {
        using Checkpoint checkpoint = Read(FileOf("""{"c":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},"z2":{"dtype":"U8","shape":[0],"data_offsets":[3,3]},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"z1":{"dtype":"I8","shape":[7,0],"data_offsets":[3,3]}}""", [1, 2, 3, 4, 5]));
        Assert.Equal(["a U8 [3]", "z2 U8 [0]", "z1 I8 [7, 0]", "c U8 [2]"], checkpoint.Tensors.Select(static tensor => tensor.ToString()));
        byte[] bytes = new byte[2];
        checkpoint.Find("c")!.Bytes.Read(0, bytes);
        Assert.Equal([4, 5], bytes);
    }

    [Fact]
    public void Metadata_is_text_in_the_files_order_and_names_the_framework()
    {
        using Checkpoint checkpoint = Read(FileOf("""{"__metadata__":{"z":"1","format":"pt","a":"é\u0000","z":"2"},"pt":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", [1]));
        Assert.Equal([("z", "2"), ("format", "pt"), ("a", "é\0")], checkpoint.Metadata.Select(static entry => (entry.Key, Assert.IsType<MetadataValue.Text>(entry.Value).Value)));
        Assert.Equal(new Origin("memory", "safetensors", "single file", 124, "pt"), checkpoint.Origin);
        Assert.Empty(checkpoint.Aliases); // Although a tensor is called pt.
    }

    [Fact]
    public void Of_a_truncated_file_it_is_said_how_many_bytes_are_missing()
    {
        byte[] whole = FileOf("""{"a":{"dtype":"F32","shape":[300],"data_offsets":[0,1200]}}""", new byte[1200]);
        int header = whole.Length - 1200;
        for (int length = 9; length < whole.Length; length += length < header + 2 ? 1 : 97)
        {
            WeightFileException error = Assert.Throws<WeightFileException>(() => Read(whole[..length]));
            Assert.Equal(Fault.Corrupt, error.Fault);
            string expected = length < header ? $" {header - length} of them are missing" : $"{whole.Length - length:N0} bytes are missing";
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("00e1f50500000000")] // 100,000,000 bytes of header
    [InlineData("01e1f50500000000")]
    [InlineData("ffffffffffffff7f")]
    [InlineData("00e1f505000000007b22")]
    public void A_hostile_length_allocates_nothing(string hex)
    {
        byte[] file = Convert.FromHexString(hex);
        Assert.Throws<WeightFileException>(() => Read(file)); // Code is compiled and sentences formatted once.
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<WeightFileException>(() => Read(file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    [Fact]
    public void Twenty_thousand_tensors_cost_less_than_a_kilobyte_each()
    {
        StringBuilder header = new("{");
        const int count = 20_000;
        for (int index = 0; index < count; index++)
        {
            header.Append($"{(index == 0 ? "" : ",")}\"model.layers.{index}.self_attn.q_proj.weight\":{{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[{index * 16},{(index + 1) * 16}]}}");
        }
        byte[] file = FileOf(header.Append('}').ToString(), new byte[count * 16]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        using Checkpoint checkpoint = Read(file);
        Assert.Equal(count, checkpoint.Tensors.Count);
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / count, 100, 1000);
    }

    [Fact]
    public void Ties_that_save_model_dropped_are_restored_by_name()
    {
        const string header = """{"__metadata__":{"z":"a","b":"a","a":"b","other":"nothing","chain":"b","format":"a"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""";
        using Checkpoint checkpoint = Read(FileOf(header, [7]));
        Assert.Equal(["a", "b", "z"], checkpoint.Tensors.Select(static tensor => tensor.Name));
        Assert.Equal([new Alias("b", "a", AliasKind.Same), new Alias("z", "a", AliasKind.Same)], checkpoint.Aliases);
        Assert.Equal(["a", "other", "chain", "format"], checkpoint.Metadata.Select(static entry => entry.Key));
        Assert.Equal(1, checkpoint.ParameterCount);
    }

    [Theory]
    [InlineData("a truncated file", """{"a":{"dtype":"F32","sha""", 500, true)]
    [InlineData("a broken header", """{"a":{{{{""", 9, true)]
    [InlineData("an empty header", "{}", 2, true)]
    [InlineData("a length that is not possible", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", -1, true)]
    [InlineData("an array", "[1,2]", 5, false)]
    [InlineData("text after eight bytes", "{x", 2, false)]
    public void Content_is_recognised_however_broken(string what, string header, long length, bool isClaimed)
    {
        using MemoryInput input = new("file", (byte[])[.. BitConverter.GetBytes(length), .. Encoding.UTF8.GetBytes(header)]);
        Assert.True(Format.Safetensors.Sniff(input) == isClaimed, what);
    }

    [Fact]
    public void Text_with_the_header_in_it_is_not_a_file()
    {
        using MemoryInput input = new("file", Encoding.UTF8.GetBytes("""{"tensors":{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}"""));
        Assert.False(Format.Safetensors.Sniff(input));
    }

    private static Checkpoint Read(byte[] file) => Format.Safetensors.Read(new MemoryInput("memory", file), new ReadOptions());

    private static byte[] FileOf(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. data];
    }
}
