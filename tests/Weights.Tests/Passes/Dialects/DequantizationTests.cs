using System.Security.Cryptography;
using System.Text.Json;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;

namespace Weights.Tests.Passes.Dialects;

/// <summary>What weights of each dialect come to, compared with what the arithmetic of their libraries gives in torch: see <c>fixtures/dialects/make.py</c>.</summary>
public class DequantizationTests
{
    public static TheoryData<string> Names { get; } = Folders();

    [Theory]
    [MemberData(nameof(Names))]
    public void Weights_are_those_of_the_library_that_packs_them(string name)
    {
        using Checkpoint packed = Packed.Open(name);
        List<Expected> expected = Expected.Read(name);
        Ledger ledger = [];
        DequantizedCheckpoint plain = packed.Dequantize(Packed.Options(name), ledger);
        Assert.Equal(expected.Select(static weight => (weight.Name, weight.DType, weight.Shape)), plain.Weights.Select(static weight => (weight.Tensor.Name, weight.Tensor.DType.Name, weight.Tensor.Shape.ToString())));
        Assert.Equal(expected.Select(static weight => weight.Digest), plain.Weights.Select(static weight => Digest(weight.Tensor.Bytes)));
        string[] parts = [.. plain.Weights.SelectMany(static weight => weight.Packed.Parts).Select(static part => part.Name)];
        Assert.Equal(
            packed.Tensors.Select(static tensor => tensor.Name).Except(parts).Concat(expected.Select(static weight => weight.Name)).Order(StringComparer.Ordinal),
            plain.Checkpoint.Tensors.Select(static tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Contains(ledger, entry => entry.Kind == LedgerKind.Cast && entry.Subject == expected[0].Name);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void As_F32_they_are_rounded_no_more_than_there(string name)
    {
        using Checkpoint packed = Packed.Open(name);
        DequantizedCheckpoint plain = packed.Dequantize(Packed.Options(name) with { DType = DType.F32 }, []);
        Assert.Equal(Expected.Read(name).Select(static weight => weight.DigestAsF32), plain.Weights.Select(static weight => Digest(weight.Tensor.Bytes)));
        Assert.All(plain.Weights, static weight => Assert.Equal(DType.F32, weight.Tensor.DType));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Any_part_of_them_can_be_read(string name)
    {
        using Checkpoint packed = Packed.Open(name);
        ByteSource bytes = packed.Dequantize(Packed.Options(name), []).Weights[0].Tensor.Bytes;
        byte[] whole = new byte[bytes.Length];
        bytes.Read(0, whole);
        Random random = new(7);
        for (int read = 0; read < 60; read++)
        {
            int offset = random.Next(whole.Length);
            byte[] part = new byte[random.Next(Math.Min(whole.Length - offset, read % 3 == 0 ? 9 : 5000)) + 1];
            bytes.Read(offset, part);
            Assert.True(whole.AsSpan(offset, part.Length).SequenceEqual(part), $"{part.Length} bytes at {offset}");
        }
    }

    [Fact]
    public void Read_in_chunks_from_many_threads_wide_weights_are_the_same()
    {
        foreach (string name in (string[])["gptq-4bit-wide", "awq-wide"])
        {
            using Checkpoint packed = Packed.Open(name);
            ByteSource bytes = packed.Dequantize(Packed.Options(name), []).Weights[0].Tensor.Bytes;
            Assert.True(bytes.Length > ByteSource.ChunkBytes && bytes.ReadsForward);
            string expected = Expected.Read(name)[0].Digest;
            Parallel.For(0, 4, _ => Assert.Equal(expected, Digest(bytes)));
        }
    }

    [Fact]
    public void What_is_left_packed_is_said()
    {
        using Checkpoint packed = Packed.Open("bnb-nf4");
        string name = Expected.Read("bnb-nf4")[0].Name;
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions { Exclude = [Glob.Parse("*v_proj*")] }, []);
        Assert.Empty(plain.Weights);
        Assert.Same(packed, plain.Checkpoint);
        Assert.Equal([name], plain.Kept);
        Assert.Single(packed.Dequantize(new DequantizationOptions { Include = [Glob.Parse("*v_proj.weight")] }, []).Weights);
        Assert.Empty(packed.Dequantize(new DequantizationOptions { Include = [Glob.Parse("*.absmax")] }, []).Weights);
    }

    [Fact]
    public void Weights_of_several_dialects_are_told_apart_in_one_file()
    {
        string[] names = ["awq-128", "gptq-4bit-all", "bnb-nf4", "bnb-int8", "ct-nvfp4", "fp8-blocks-cut", "ct-pack-4bit-channel"];
        Checkpoint[] all = [.. names.Select(Packed.Open)];
        try
        {
            using Checkpoint together = new(all.SelectMany(static one => one.Tensors).DistinctBy(static tensor => tensor.Name), all[0].Origin);
            DequantizedCheckpoint plain = together.Dequantize(new DequantizationOptions(), []);
            Dictionary<string, string> expected = names.SelectMany(Expected.Read).ToDictionary(static weight => weight.Name, static weight => weight.Digest);
            Assert.Equal(expected.Count, plain.Weights.Count);
            Assert.All(plain.Weights, weight => Assert.Equal(expected[weight.Tensor.Name], Digest(weight.Tensor.Bytes)));
        }
        finally
        {
            Assert.All(all, static one => one.Dispose());
        }
    }

    [Fact]
    public void Blocks_of_ggml_are_decoded_as_their_type_says()
    {
        byte[] blocks = File.ReadAllBytes(Fixtures.Path("ggml/q4_K.bin"));
        using Checkpoint packed = new([new Tensor("blk.0.ffn_up.weight", DType.Q4_K, new Shape(16, 512), new MemoryBytes(blocks))], new Origin("model.gguf", "gguf", "", blocks.Length))
        {
            Metadata = new MetadataValue.Map([new("general.file_type", new MetadataValue.Integer(15))]),
        };
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions { DType = DType.BF16 }, []);
        Assert.Equal(DType.BF16, Assert.Single(plain.Checkpoint.Tensors).DType);
        Assert.Equal(new MetadataValue.Integer(32), plain.Checkpoint.Metadata["general.file_type"]);
        Tensor floats = Assert.Single(packed.Dequantize(new DequantizationOptions(), []).Weights).Tensor;
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("ggml/manifest.json")));
        Assert.Contains(Digest(floats.Bytes), manifest.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_of_MXFP8_are_those_that_another_project_published()
    {
        static MemoryBytes Bytes(string name) => new(File.ReadAllBytes(Fixtures.Path($"dialects/ggufy/{name}")));
        using Checkpoint packed = new(
            [
                new Tensor("up.weight", DType.F8E4M3, new Shape(128, 128), Bytes("mxfp8_weight.u8")),
                new Tensor("up.weight_scale", DType.U8, new Shape(128, 4), Bytes("mxfp8_weight_scale.u8")),
            ],
            new Origin("model.safetensors", "safetensors", "", 0));
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions { DType = DType.F32 }, []);
        Assert.Equal(Digest(Bytes("mxfp8_expected.f32")), Digest(Assert.Single(plain.Checkpoint.Tensors).Bytes));
    }

    internal static string Digest(ByteSource bytes)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bytes.ReadChunks(new byte[100_000], (_, chunk) => hash.AppendData(chunk));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static TheoryData<string> Folders()
    {
        string[] names = [.. Directory.EnumerateDirectories(Fixtures.Path("dialects")).Where(static folder => File.Exists(Path.Combine(folder, "expected.json"))).Select(static folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];
        return names.Length > 0 ? [.. names] : throw new InvalidOperationException("there are no fixtures of dialects");
    }

    private sealed record Expected(string Name, string DType, string Shape, string Digest, string DigestAsF32)
    {
        public static List<Expected> Read(string name)
        {
            using JsonDocument listing = JsonDocument.Parse(File.ReadAllText(Fixtures.Path($"dialects/{name}/expected.json")));
            return [.. listing.RootElement.EnumerateArray().Select(static weight => new Expected(
                weight.GetProperty("name").GetString()!,
                weight.GetProperty("dtype").GetString()!,
                $"[{string.Join(", ", weight.GetProperty("shape").EnumerateArray())}]",
                weight.GetProperty("sha256").GetString()!,
                weight.GetProperty("sha256_f32").GetString()!))];
        }
    }
}

/// <summary>Checkpoints of <c>fixtures/dialects</c>.</summary>
internal static class Packed
{
    public static Checkpoint Open(string name) => Format.Open(Fixtures.Path($"dialects/{name}/model.safetensors"));

    public static DequantizationOptions Options(string name) => new() { Config = QuantizationConfig.Beside(Fixtures.Path($"dialects/{name}/model.safetensors")) };
}
