using Weights.Formats;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Checksums of external data are compared where that is asked for, and a comparison of nothing is no success.</summary>
public class VerifyTests
{
    private static readonly ReadOptions s_verify = new() { Verify = true };

    [Theory]
    [InlineData("checksum")]
    [InlineData("checksum-upper-case")]
    public void The_right_checksum_passes(string name) => Format.Open(Model(name), s_verify).Dispose();

    [Fact]
    public void A_wrong_checksum_is_damage_and_only_seen_when_asked_for()
    {
        Format.Open(Model("checksum-wrong")).Dispose();
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(Model("checksum-wrong"), s_verify));
        Assert.Equal(Fault.Corrupt, error.Fault);
        Assert.Contains("'one.data'", error.Message, StringComparison.Ordinal);
        Assert.Contains("da39a3ee5e6b4b0d3255bfef95601890afd80709", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one-file")]
    [InlineData("several-files")]
    [InlineData("in-subgraphs")]
    public void Without_a_checksum_there_is_nothing_to_pass(string name)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(Model(name), s_verify));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains("no checksum for the file", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net-conv.onnx")]
    [InlineData("tensor-float.pb")]
    public void Without_other_files_there_is_nothing_to_pass(string name) =>
        Assert.Equal(Fault.Unsupported, Assert.Throws<WeightFileException>(() => Format.Open(Fixtures.Path($"onnx/valid/{name}"), s_verify)).Fault);

    [Fact]
    public void One_changed_byte_is_seen_even_where_no_tensor_is()
    {
        using TemporaryFolder folder = new();
        byte[] data = File.ReadAllBytes(Fixtures.Path("onnx/valid/external/one.data"));
        data[63] ^= 1; // Between two tensors.
        File.WriteAllBytes(folder.File("one.data"), data);
        File.Copy(Model("checksum"), folder.File("model.onnx"));
        Format.Open(folder.File("model.onnx")).Dispose();
        Assert.Equal(Fault.Corrupt, Assert.Throws<WeightFileException>(() => Format.Open(folder.File("model.onnx"), s_verify)).Fault);
    }

    private static string Model(string name) => Fixtures.Path($"onnx/valid/external/{name}.onnx");
}
