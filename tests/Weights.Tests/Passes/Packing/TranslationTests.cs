using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.DTypes.Quantized;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
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
        PackedScheme scheme = before.Weights[0].Packed.Codes!.Bits <= 4 ? PackedScheme.Int4 : PackedScheme.Int8;
        Ledger ledger = [];
        QuantizedCheckpoint packed = before.Checkpoint.Pack(new PackingOptions { Scheme = scheme, Layout = PackedLayout.All[0], Include = [Glob.Parse("*")], Before = ByName(before) }, ledger);
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
            Assert.NotNull(weight.Codes);
        }
    }

    /// <summary>A fixture, and the scheme and layout in which its codes are others'.</summary>
    public static TheoryData<string, string, string> OtherCodes() => new()
    {
        { "bnb-nf4", "nf4", "bitsandbytes" },
        { "bnb-nf4-nested", "nf4", "bitsandbytes" },
        { "bnb-nf4-odd", "nf4", "bitsandbytes" },
        { "bnb-fp4-stored-bf16", "fp4", "bitsandbytes" },
        { "ct-fp8-blocks", "fp8", "compressed-tensors" },
        { "ct-fp8-channel", "fp8", "compressed-tensors" },
        { "ct-fp8-tensor", "fp8", "compressed-tensors" },
        { "ct-mxfp4", "mxfp4", "compressed-tensors" },
        { "ct-mxfp8", "mxfp8", "compressed-tensors" },
        { "ct-nvfp4", "nvfp4", "compressed-tensors" },
        { "modelopt-nvfp4", "nvfp4", "compressed-tensors" },
        { "fp8-blocks", "fp8", "compressed-tensors" },
        { "fp8-blocks-low", "fp8", "compressed-tensors" },
    };

    [Theory]
    [MemberData(nameof(OtherCodes))]
    public void Codes_that_are_no_integers_stay_what_they_are(string name, string scheme, string layout)
    {
        DequantizedCheckpoint before = Unpack(name, out Checkpoint source);
        using Checkpoint files = source;
        Assert.True(PackedScheme.TryParse(scheme, out PackedScheme numbers) & PackedLayout.TryParse(layout, out PackedLayout tensors));
        Ledger ledger = [];
        QuantizedCheckpoint packed = before.Checkpoint.Pack(new PackingOptions { Scheme = numbers, Layout = tensors, Include = [Glob.Parse("*")], Before = ByName(before) }, ledger);
        Assert.Contains(ledger, static entry => entry.Kind == LedgerKind.Restated);
        Assert.DoesNotContain(ledger, static entry => entry.Kind == LedgerKind.Cast);
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("config.json"), $"{{\"quantization_config\": {packed.Configuration!.ToJsonString()}}}");
        DequantizedCheckpoint after = packed.Checkpoint.Dequantize(new DequantizationOptions { Config = QuantizationConfig.Read(folder.File("config.json")) }, []);
        foreach ((PackedWeight weight, Tensor tensor) in before.Weights)
        {
            Tensor again = after.Checkpoint.Find(tensor.Name)!;
            Assert.Equal(tensor.Shape, again.Shape);
            // Where scales are finer than the weight was, so are products.
            byte[] bits = Bytes(CastBytes.Create(again, tensor.DType));
            if (scheme != "fp4") // A table with a zero of its own for code 8.
            {
                Assert.Equal(Bytes(tensor.Bytes), bits);
            }
            Assert.Equal(Floats(tensor), Floats(new Tensor(tensor.Name, tensor.DType, tensor.Shape, new MemoryBytes(bits))));
            QuantizedTensor made = packed.Tensors.Single(made => made.Source.Name == tensor.Name);
            foreach (Tensor part in made.Parts)
            {
                byte[] bytes = Bytes(part.Bytes);
                // The same library's tensors are the same.
                if (weight.Dialect == layout && weight.Parts.FirstOrDefault(known => known.Name == part.Name && known.DType == part.DType && known.Shape == part.Shape) is { } stored && name != "bnb-nf4-nested" && scheme != "fp4" && !part.Name.Contains("quant_state", StringComparison.Ordinal))
                {
                    Assert.Equal(Bytes(stored.Bytes), bytes);
                }
            }
            Assert.Equal((tensor.Shape.ElementCount, 0d), (made.Errors!.Statistics!.Count, made.Errors.Statistics.MaxAbsolute));
        }
    }

    [Theory]
    [InlineData("net-quantized-blocks-symmetric", "int4", "matmulnbits")]
    [InlineData("net-quantized-blocks-zero-points", "int4", "matmulnbits")]
    [InlineData("net-quantized-static-int4", "int4", "matmulnbits")]
    [InlineData("net-quantized-static-channels", "int8", "matmulnbits")]
    [InlineData("net-quantized-static-int8", "int8", "matmulnbits")]
    [InlineData("net-quantized-products-symmetric", "int4", "qdq")]
    [InlineData("net-quantized-products-zero-points", "int8", "qdq")]
    [InlineData("net-quantized-products-zero-points", "int8", "matmulnbits")]
    [InlineData("net-quantized-products-symmetric", "int4", "compressed-tensors")]
    [InlineData("net-quantized-static-int8", "int8", "qdq")]
    [InlineData("net-quantized-static-uint8", "int8", "qdq")]
    [InlineData("net-quantized-static-int4", "int4", "qdq")]
    [InlineData("net-quantized-static-channels", "int8", "qdq")]
    [InlineData("net-quantized-static-channels", "int8", "compressed-tensors")]
    public void Integers_of_graphs_stay_what_they_are(string name, string scheme, string layout)
    {
        using Checkpoint source = Format.Open(Fixtures.Path($"onnx/valid/{name}.onnx"));
        Assert.True(PackedScheme.TryParse(scheme, out PackedScheme numbers) & PackedLayout.TryParse(layout, out PackedLayout tensors));
        DequantizedCheckpoint before = source.Dequantize(new DequantizationOptions(), []);
        Ledger ledger = [];
        QuantizedCheckpoint packed = before.Checkpoint.Pack(new PackingOptions { Scheme = numbers, Layout = tensors, Before = ByName(before) }, ledger);
        string exact = Assert.Single(ledger, static entry => entry.Kind == LedgerKind.Restated && entry.Reason.StartsWith("the same codes", StringComparison.Ordinal)).Subject;
        DequantizedCheckpoint after = packed.Checkpoint.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(packed.Tensors.Count(static tensor => tensor.IsChanged), after.Weights.Count);
        foreach ((PackedWeight weight, Tensor again) in after.Weights)
        {
            Assert.Contains(again.Name, exact, StringComparison.Ordinal);
            Tensor plain = before.Checkpoint.Find(again.Name)!;
            float[] was = Floats(plain);
            if (again.Shape != plain.Shape)
            {
                (int rows, int columns) = ((int)plain.Shape[0], (int)plain.Shape[1]);
                Assert.Equal(new Shape(columns, rows), again.Shape);
                was = [.. Enumerable.Range(0, was.Length).Select(index => was[(index % rows * columns) + (index / rows)])];
            }
            Assert.Equal(was, Floats(again));
            QuantizedTensor made = packed.Tensors.Single(made => made.Source.Name == again.Name);
            foreach (Tensor part in made.Parts)
            {
                Bytes(part.Bytes);
            }
            Assert.Equal((plain.Shape.ElementCount, 0d), (made.Errors!.Statistics!.Count, made.Errors.Statistics.MaxAbsolute));
            Assert.NotNull(weight.Codes);
        }
    }

    [Theory]
    [InlineData("MXFP4", "mxfp4")]
    [InlineData("NVFP4", "nvfp4")]
    public void Blocks_of_small_floats_become_those_of_other_libraries_and_the_reverse(string type, string scheme)
    {
        Assert.True(DType.TryParse(type, out DType dtype) & PackedScheme.TryParse(scheme, out PackedScheme numbers));
        Random random = new(8);
        byte[] blocks = new byte[64 * dtype.BlockBytes];
        random.NextBytes(blocks);
        for (int block = 0; block < 64; block++)
        {
            for (int scale = 0; scale < dtype.BlockLength / (type == "MXFP4" ? 32 : 16); scale++)
            {
                blocks[(block * dtype.BlockBytes) + scale] = type == "MXFP4" ? (byte)random.Next(1, 240) : (byte)random.Next(1, 0x7F);
            }
        }
        using Checkpoint source = new([new Tensor("layers.0.weight", dtype, new Shape(16, 4L * dtype.BlockLength), new MemoryBytes(blocks))], new Origin("memory", "none", "", 0));
        DequantizedCheckpoint plain = source.Dequantize(new DequantizationOptions(), []);
        QuantizedCheckpoint packed = plain.Checkpoint.Pack(new PackingOptions { Scheme = numbers, Layout = PackedLayout.All[0], Before = ByName(plain) }, []);
        DequantizedCheckpoint again = packed.Checkpoint.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(Floats(plain.Checkpoint.Tensors[0]), Floats(again.Checkpoint.Tensors[0]));
        Assert.True(QuantizationScheme.TryParse("q8_0", out QuantizationScheme pure));
        Ledger ledger = [];
        QuantizedCheckpoint back = again.Checkpoint.Quantize(new QuantizationOptions { Scheme = pure, Overrides = [TypeOverride.Parse($"*={type}")], Before = ByName(again) }, ledger);
        Assert.Contains(ledger, static entry => entry.Kind == LedgerKind.Restated);
        // A second zero, which ggml has not in its blocks, becomes the first.
        using Checkpoint written = new([new Tensor("layers.0.weight", dtype, source.Tensors[0].Shape, new MemoryBytes(Bytes(back.Checkpoint.Tensors[0].Bytes)))], new Origin("memory", "none", "", 0));
        Assert.Equal(Floats(plain.Checkpoint.Tensors[0]), Floats(written.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors[0]));
        for (int block = 0; block < 64; block++)
        {
            Assert.Equal(blocks[block * dtype.BlockBytes], Bytes(written.Tensors[0].Bytes)[block * dtype.BlockBytes]);
        }
    }

    [Fact]
    public void Scales_of_rows_that_stand_for_their_largest_number_become_steps()
    {
        DequantizedCheckpoint before = Unpack("bnb-int8", out Checkpoint source);
        using Checkpoint files = source;
        QuantizedCheckpoint packed = before.Checkpoint.Pack(new PackingOptions { Scheme = PackedScheme.Int8, Layout = PackedLayout.All[0], Before = ByName(before) }, []);
        (PackedWeight weight, Tensor tensor) = before.Weights[0];
        Assert.Equal(Bytes(weight.Parts[0].Bytes), Bytes(packed.Checkpoint.Find(tensor.Name)!.Bytes));
        Assert.InRange(packed.Tensors[0].Errors!.Statistics!.MaxAbsolute, 0, Floats(tensor).Max(Math.Abs) / (1 << 22));
    }

    [Fact]
    public void Blocks_of_rows_and_columns_have_the_scale_of_their_largest_number()
    {
        const int Rows = 300;
        const int Columns = 340;
        Random random = new(5);
        float[] numbers = [.. Enumerable.Range(0, Rows * Columns).Select(_ => (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(8)))];
        Tensor weight = new("layers.0.weight", DType.F32, new Shape(Rows, Columns), new MemoryBytes(MemoryMarshal.AsBytes<float>(numbers).ToArray()));
        using Checkpoint plain = new([weight], new Origin("memory", "none", "", 0));
        QuantizedCheckpoint packed = plain.Pack(new PackingOptions { Scheme = PackedScheme.Fp8, Layout = PackedLayout.All[0], Scope = ScaleScope.Parse("128x128") }, []);
        float[] scales = Floats(packed.Checkpoint.Find("layers.0.weight_scale")!);
        float[] codes = Floats(packed.Checkpoint.Find("layers.0.weight")!);
        Assert.Equal(new Shape(3, 3), packed.Checkpoint.Find("layers.0.weight_scale")!.Shape);
        for (int index = 0; index < numbers.Length; index++)
        {
            (int row, int column) = (index / Columns / 128, index % Columns / 128);
            IEnumerable<float> block = numbers.Where((_, at) => at / Columns / 128 == row && at % Columns / 128 == column);
            if (index % 997 == 0)
            {
                Assert.Equal(block.Max(Math.Abs) / 448, scales[(row * 3) + column]);
            }
            Assert.InRange(Math.Abs((codes[index] * scales[(row * 3) + column]) - numbers[index]), 0, Math.Max(Math.Abs(numbers[index]) / 15, scales[(row * 3) + column] / 1000));
        }
        Assert.Equal("group", packed.Configuration!["config_groups"]!["group_0"]!["input_activations"]!["strategy"]!.GetValue<string>());
        Assert.Equal("[128,128]", packed.Configuration["config_groups"]!["group_0"]!["weights"]!["block_structure"]!.ToJsonString());
        DequantizedCheckpoint again = packed.Checkpoint.Dequantize(new DequantizationOptions { Config = QuantizationConfig.None }, []);
        Assert.Equal(packed.Tensors[0].Errors!.Statistics!.MaxAbsolute, numbers.Zip(Floats(again.Checkpoint.Tensors[0]), static (a, b) => Math.Abs((double)a - b)).Max());
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
        if (ScaledBlocks.Find(dtype)!.Blocks(again.Weights[0].Tensor, again.Weights[0].Packed.Codes!) is not null)
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
        PackingOptions options = new() { Scheme = PackedScheme.Int4, Layout = PackedLayout.All[0], Scope = ScaleScope.Channel, Include = [Glob.Parse("*k_proj*")] };
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
