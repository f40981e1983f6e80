using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.DTypes.Quantized;
using Weights.Formats;
using Weights.IO;
using Weights.Passes.Dialects;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;

namespace Weights.Tests.Passes.Packing;

/// <summary>What is packed as integers is packed otherwise without a change.</summary>
public class TranslationTests
{
    // Groups of columns next to each other, at most 8 bits; the others have an order of columns, blocks, or groups of different sizes.
    private static readonly string[] s_names =
    [
        "gptq-2bit-64", "gptq-3bit-32", "gptq-4bit-128", "gptq-4bit-all", "gptq-4bit-v2", "gptq-4bit-v2-metadata", "gptq-8bit-128", "awq-128", "awq-32", "awq-all", "awq-wide",
        "ct-int8-asymmetric-groups", "ct-int8-channel", "ct-pack-4bit-128", "ct-pack-4bit-asymmetric", "ct-pack-4bit-channel", "ct-pack-5bit-float32", "ct-pack-6bit-sparse-words", "ct-pack-8bit-asymmetric-channel",
    ];

    public static TheoryData<string> Names() => [.. s_names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Integers_stay_what_they_are(string name)
    {
        DequantizedCheckpoint before = Unpack(name, out Checkpoint source);
        using Checkpoint files = source;
        PackedScheme scheme = before.Weights[0].Packed.Integers!.Bits <= 4 ? PackedScheme.Int4 : PackedScheme.Int8;
        Ledger ledger = [];
        QuantizedCheckpoint packed = before.Checkpoint.Pack(new PackingOptions { Scheme = scheme, Layout = PackedLayout.All[0], Include = [Weights.Passes.Glob.Parse("*")], Before = ByName(before) }, ledger);
        Assert.Contains(ledger, static entry => entry.Kind == LedgerKind.Restated);
        Assert.DoesNotContain(ledger, static entry => entry.Kind == LedgerKind.Cast);
        DequantizedCheckpoint after = packed.Checkpoint.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(before.Weights.Count, after.Weights.Count);
        foreach ((PackedWeight weight, Tensor tensor) in before.Weights)
        {
            Tensor again = after.Checkpoint.Find(tensor.Name)!;
            Assert.Equal(tensor.ToString(), again.ToString());
            Assert.Equal(Bytes(tensor.Bytes), Bytes(again.Bytes));
            QuantizedTensor made = packed.Tensors.Single(made => made.Source.Name == tensor.Name);
            foreach (Tensor part in made.Parts)
            {
                Bytes(part.Bytes);
            }
            Assert.Equal((tensor.Shape.ElementCount, 0d), (made.Errors!.Statistics!.Count, made.Errors.Statistics.MaxAbsolute));
            Assert.NotNull(weight.Integers);
        }
    }

    [Theory]
    [InlineData("Q4_0")]
    [InlineData("Q5_0")]
    [InlineData("Q8_0")]
    public void Blocks_of_ggml_become_integers_in_groups_and_the_reverse(string type)
    {
        Assert.True(DType.TryParse(type, out DType dtype));
        Random random = new(8);
        byte[] blocks = new byte[64 * dtype.BlockBytes];
        random.NextBytes(blocks);
        for (int block = 0; block < 64; block++)
        {
            BitConverter.TryWriteBytes(blocks.AsSpan(block * dtype.BlockBytes), (Half)(random.NextDouble() - 0.5));
        }
        Tensor tensor = new("layers.0.weight", dtype, new Shape(16, 128), new MemoryBytes(blocks));
        using Checkpoint source = new([tensor], new Origin("memory", "none", "", 0));
        DequantizedCheckpoint plain = source.Dequantize(new DequantizationOptions(), []);
        PackedScheme scheme = type == "Q4_0" ? PackedScheme.Int4 : PackedScheme.Int8;
        QuantizedCheckpoint packed = plain.Checkpoint.Pack(new PackingOptions { Scheme = scheme, Layout = PackedLayout.All[0], Before = ByName(plain) }, []);
        Assert.Equal($"{scheme}, groups of 32", Assert.Single(packed.Tensors).Type);

        DequantizedCheckpoint again = packed.Checkpoint.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(Floats(plain.Checkpoint.Tensors[0]).Select(static number => (Half)number), Floats(again.Checkpoint.Tensors[0]).Select(static number => (Half)number));
        Assert.True(QuantizationScheme.TryParse("q8_0", out QuantizationScheme pure));
        QuantizedCheckpoint back = again.Checkpoint.Quantize(new QuantizationOptions { Scheme = pure, Overrides = [TypeOverride.Parse($"*={type}")], Before = ByName(again) }, []);
        if (IntegerBlocks.Find(dtype)!.Blocks(again.Weights[0].Packed.Integers!) is not null)
        {
            Assert.Equal(blocks, Bytes(back.Checkpoint.Tensors[0].Bytes));
            Assert.Equal(tensor.Shape.ElementCount, back.Tensors[0].Errors!.Statistics!.Count);
        }
        else
        {
            Assert.Equal("Q5_0", type); // Its integers have 5 bits, and came back as 8.
        }
    }

    [Fact]
    public void Groups_of_128_become_blocks_of_32_that_have_their_scale()
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/packed/source.safetensors"));
        PackingOptions options = new() { Scheme = PackedScheme.Int4, Layout = PackedLayout.All[0], Scope = ScaleScope.Channel, Include = [Weights.Passes.Glob.Parse("*k_proj*")] };
        DequantizedCheckpoint plain = source.Pack(options, []).Checkpoint.Dequantize(new DequantizationOptions(), []);
        Assert.True(QuantizationScheme.TryParse("q4_0", out QuantizationScheme scheme));
        Ledger ledger = [];
        Tensor before = Assert.Single(plain.Weights).Tensor;
        QuantizedCheckpoint quantized = plain.Checkpoint.Quantize(new QuantizationOptions { Scheme = scheme.Pure(), Before = ByName(plain) }, ledger);
        Tensor made = quantized.Checkpoint.Find(before.Name)!;
        Assert.Contains(ledger, static entry => entry.Kind == LedgerKind.Restated);
        Assert.Equal(Floats(before), Floats(made).Select(static number => (float)(Half)number));
    }

    private static DequantizedCheckpoint Unpack(string name, out Checkpoint source)
    {
        string folder = Fixtures.Path($"dialects/{name}");
        source = Format.Open(folder);
        return source.Dequantize(new DequantizationOptions { Config = QuantizationConfig.Beside(folder) }, []);
    }

    private static Dictionary<string, PackedWeight> ByName(DequantizedCheckpoint plain) => plain.Weights.ToDictionary(static weight => weight.Tensor.Name, static weight => weight.Packed);

    private static byte[] Bytes(ByteSource source)
    {
        byte[] bytes = new byte[source.Length];
        source.Read(0, bytes);
        return bytes;
    }

    private static float[] Floats(Tensor tensor)
    {
        float[] floats = new float[tensor.Shape.ElementCount];
        Conversion.Between(tensor.DType, DType.F32)(Bytes(tensor.Bytes), MemoryMarshal.AsBytes(floats.AsSpan()));
        return floats;
    }
}
