using Weights.Formats;
using Weights.IO;

namespace Weights.Tests.Formats.Onnx;

/// <summary>protobuf has no magic number: what is ONNX must be told from everything else by its fields.</summary>
public class RecognitionTests
{
    public static TheoryData<string> Others() => [.. Files(static folder => folder != "onnx")];

    public static TheoryData<string> Ours() => [.. Files(static folder => folder == "onnx").Where(static name => name.EndsWith(".onnx", StringComparison.Ordinal) || name.EndsWith(".pb", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Others))]
    public void No_other_file_is_taken_for_it(string name)
    {
        using FileInput input = new(Fixtures.Path(name));
        Assert.False(Format.Onnx.Sniff(input));
    }

    [Theory]
    [MemberData(nameof(Ours))]
    public void No_other_format_claims_it(string name)
    {
        using FileInput input = new(Fixtures.Path(name));
        Assert.DoesNotContain(Format.All, format => format != Format.Onnx && format.Sniff(input));
    }

    [Fact]
    public void Texts_listings_and_data_are_not_taken_for_it()
    {
        string[] names = [.. Files(static folder => folder == "onnx").Where(static name => Path.GetExtension(name) is not (".onnx" or ".pb"))];
        Assert.NotEmpty(names);
        Assert.All(names, static name =>
        {
            using FileInput input = new(Fixtures.Path(name));
            Assert.False(Format.Onnx.Sniff(input));
        });
    }

    [Fact]
    public void Noise_is_hardly_ever_taken_for_it()
    {
        Random random = new(1);
        int taken = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] noise = new byte[random.Next(1, 300)];
            random.NextBytes(noise);
            using MemoryInput input = new("noise", noise);
            taken += Format.Onnx.Sniff(input) ? 1 : 0;
        }
        // Of two or three bytes there are some that make a tensor of a type and a shape.
        Assert.InRange(taken, 0, 20);
    }

    [Fact]
    public void A_truncated_model_is_still_one_as_soon_as_its_version_and_graph_have_begun()
    {
        byte[] whole = File.ReadAllBytes(Fixtures.Path("onnx/valid/net-conv.onnx"));
        int rest = whole.Length - 6; // Where the graph ends: without operator sets it would still be a model.
        for (int length = 40; length < rest; length += 7)
        {
            using MemoryInput input = new("model.onnx", whole.AsMemory(0, length));
            Assert.True(Format.Onnx.Sniff(input), $"{length} bytes");
            WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Onnx.Read(input, new ReadOptions()));
            Assert.Equal(Fault.Corrupt, error.Fault);
        }
    }

    private static string[] Files(Func<string, bool> takes)
    {
        string root = Fixtures.Path("");
        string[] names = [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(root, path).Replace('\\', '/'))
            .Where(name => name.Contains('/', StringComparison.Ordinal) && takes(name.Split('/')[0]))
            .Order(StringComparer.Ordinal)];
        return names.Length > 0 ? names : throw new InvalidOperationException("there are no fixtures");
    }
}
