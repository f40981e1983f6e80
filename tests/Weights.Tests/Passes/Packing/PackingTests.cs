using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.Formats;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;

namespace Weights.Tests.Passes.Packing;

/// <summary>Weights are packed as an independent script packs them, and read again as what was measured.</summary>
public class PackingTests
{
    private static readonly string[] s_names = [.. Directory.GetFiles(Fixtures.Path("quantize/packed"), "*-*.safetensors").Select(static path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Cases()
    {
        Assert.NotEmpty(s_names);
        return [.. s_names];
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tensors_are_those_that_the_script_makes(string name)
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/packed/source.safetensors"));
        using Checkpoint expected = Format.Open(Fixtures.Path($"quantize/packed/{name}.safetensors"));
        QuantizedCheckpoint packed = source.Pack(Options(name), []);
        Assert.Equal(expected.Tensors.Select(static tensor => $"{tensor}").Order(StringComparer.Ordinal), packed.Checkpoint.Tensors.Select(static tensor => $"{tensor}").Order(StringComparer.Ordinal));
        foreach (Tensor tensor in expected.Tensors)
        {
            Assert.True(Bytes(tensor).AsSpan().SequenceEqual(Bytes(packed.Checkpoint.Find(tensor.Name)!)), tensor.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_was_measured_is_what_a_reader_finds(string name)
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/packed/source.safetensors"));
        using TemporaryFolder folder = new();
        PackingOptions options = Options(name);
        QuantizedCheckpoint packed = source.Pack(options, []);
        Write(packed.Checkpoint, folder.File("packed.safetensors"));
        using Checkpoint written = Format.Open(folder.File("packed.safetensors"));
        DequantizedCheckpoint plain = written.Dequantize(new DequantizationOptions { Config = Config(folder, packed) }, []);
        QuantizedTensor[] changed = [.. packed.Tensors.Where(static tensor => tensor.IsChanged)];
        Assert.Equal(changed.Select(static tensor => tensor.Source.Name).Order(StringComparer.Ordinal), plain.Weights.Select(static weight => weight.Tensor.Name).Order(StringComparer.Ordinal));
        foreach (QuantizedTensor tensor in changed)
        {
            (float[] before, float[] after) = (Floats(tensor.Source), Floats(plain.Checkpoint.Find(tensor.Source.Name)!));
            double largest = before.Zip(after, static (a, b) => Math.Abs((double)b - a)).Max();
            double squares = before.Zip(after, static (a, b) => ((double)b - a) * ((double)b - a)).Sum();
            Assert.Equal(before.Length, tensor.Errors!.Statistics!.Count);
            Assert.Equal(largest, tensor.Errors.Statistics.MaxAbsolute);
            Assert.Equal(Math.Sqrt(squares / before.Length), tensor.Errors.Statistics.RootMeanSquare, 1e-9);
        }
    }

    [Fact]
    public void Any_part_of_the_bytes_can_be_read_by_itself()
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/packed/source.safetensors"));
        Random random = new(3);
        foreach (string name in s_names)
        {
            foreach (Tensor tensor in source.Pack(Options(name), []).Checkpoint.Tensors)
            {
                byte[] all = Bytes(tensor);
                for (int round = 0; round < 5; round++)
                {
                    int start = random.Next(all.Length);
                    byte[] part = new byte[random.Next(all.Length - start) + 1];
                    tensor.Bytes.Read(start, part);
                    Assert.True(all.AsSpan(start, part.Length).SequenceEqual(part), $"{name}: {tensor.Name}, {part.Length} bytes at {start}");
                }
            }
        }
    }

    [Fact]
    public void Vectors_and_single_numbers_become_the_same_codes()
    {
        Random random = new(4);
        float[] numbers = [.. Enumerable.Range(0, 331).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-4, 4)))), float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0, -0f, float.Epsilon, 7.5f, 0.5f, 1.5f, -2.5f];
        BlockCoder[] coders =
        [
            new IntegerCoder(4, true, ScaleSearching.Absmax, ScaleStorage.Of(DType.F32)), new IntegerCoder(8, false, ScaleSearching.Mse, ScaleStorage.Of(DType.BF16)),
            new FloatCoder(ScaleStorage.Of(DType.F16)), new FloatCoder(ScaleStorage.Powers(8)), LevelCoder.E2M1(ScaleStorage.Divided(100)), LevelCoder.NF4(ScaleStorage.Magnitude()), LevelCoder.FP4(ScaleStorage.Magnitude()), new RowCoder(),
        ];
        foreach (BlockCoder coder in coders)
        {
            foreach ((float scale, int zeroPoint) in ((float, int)[])[coder.Fit(numbers), (1, 0), (0.125f, coder is IntegerCoder ? 3 : 0)])
            {
                byte[] codes = new byte[numbers.Length];
                int beyond = coder.Encode(numbers, scale, zeroPoint, codes);
                float[] decoded = new float[numbers.Length];
                coder.Decode(codes, scale, zeroPoint, decoded);
                int beyondOne = 0;
                for (int index = 0; index < numbers.Length; index++)
                {
                    byte[] code = new byte[1];
                    float[] number = new float[1];
                    beyondOne += coder.Encode(numbers.AsSpan(index, 1), scale, zeroPoint, code);
                    coder.Decode(code, scale, zeroPoint, number);
                    Assert.Equal((codes[index], BitConverter.SingleToInt32Bits(decoded[index])), (code[0], BitConverter.SingleToInt32Bits(number[0])));
                }
                Assert.Equal(beyond, beyondOne);
            }
        }
    }

    [Fact]
    public void Eight_bit_floats_are_those_of_the_type_up_to_its_largest()
    {
        float[] numbers = [.. Enumerable.Range(0, 1 << 16).Select(static high => BitConverter.Int32BitsToSingle(high << 16 | 0x8000)), .. Enumerable.Range(0, 1 << 16).Select(static high => BitConverter.Int32BitsToSingle(high << 16))];
        byte[] codes = new byte[numbers.Length];
        EightBitFloats.Encode(numbers, 1, codes);
        byte[] expected = new byte[numbers.Length];
        Conversion.Between(DType.F32, DType.F8E4M3)(MemoryMarshal.AsBytes(numbers.AsSpan()), expected);
        for (int index = 0; index < numbers.Length; index++)
        {
            byte wanted = Math.Abs(numbers[index]) > 448 ? (byte)(numbers[index] < 0 ? 0xFE : 0x7E) : expected[index];
            Assert.True(float.IsNaN(numbers[index]) ? (codes[index] & 0x7F) == 0x7F : wanted == codes[index], $"{numbers[index]:R}: {codes[index]:x2}, not {wanted:x2}");
        }
    }

    [Fact]
    public void What_is_named_is_packed_so_and_what_cannot_be_is_said()
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/packed/source.safetensors"));
        PackingOptions options = new()
        {
            Scheme = PackedScheme.Int4,
            Layout = PackedLayout.All[0],
            Scope = ScaleScope.Group(64),
            Overrides = [SchemeOverride.Parse("layers.1.o_proj=int8"), SchemeOverride.Parse("*.k_proj.weight=fp8")],
            Exclude = [Glob.Parse("layers.1.up_proj")],
        };
        QuantizedCheckpoint packed = source.Pack(options, []);
        Assert.Equal(
            ["int4, groups of 64", "fp8, a scale per channel", "rows of 96 are not whole groups of 64", "int8, a scale per channel", "excluded by 'layers.1.up_proj'"],
            packed.Tensors.Select(static tensor => tensor.Reason ?? tensor.Type));
        Assert.Equal("mixed-precision", (string)packed.Configuration!["format"]!);
        Assert.Equal(["layers.0.v_proj", "layers.1.up_proj"], packed.Configuration["ignore"]!.AsArray().Select(static name => (string)name!));
        WeightFileException error = Assert.Throws<WeightFileException>(() => source.Pack(options with { Overrides = [SchemeOverride.Parse("*o_proj=mxfp4")] }, []));
        Assert.Equal("layers.1.o_proj.weight", error.Tensor);
        Assert.Contains("rows of 50 are not whole groups of 32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_bitsandbytes_has_one_scheme_as_its_configuration_says_one()
    {
        Assert.True(PackedLayout.TryParse("bitsandbytes", out PackedLayout layout));
        PackingOptions options = new() { Scheme = PackedScheme.Nf4, Layout = layout, Overrides = [SchemeOverride.Parse("*.k_proj=int8")] };
        Assert.Contains("one scheme for all weights", options.Problem, StringComparison.Ordinal);
        Assert.Null((options with { Overrides = [SchemeOverride.Parse("*.k_proj=nf4")] }).Problem);
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_counted_and_move_no_scale()
    {
        float[] numbers = [.. Enumerable.Range(0, 128).Select(static index => (index % 64) - 31.5f)];
        (numbers[3], numbers[40]) = (float.PositiveInfinity, float.NaN);
        using Checkpoint source = new([new Tensor("up.weight", DType.F32, new Shape(2, 64), new MemoryBytes(MemoryMarshal.AsBytes(numbers.AsSpan()).ToArray()))], new Origin("memory", "none", "", 0));
        QuantizedTensor packed = Assert.Single(source.Pack(new PackingOptions { Scheme = PackedScheme.Int8, Layout = PackedLayout.All[0] }, []).Tensors);
        byte[] codes = Bytes(packed.Parts[0]);
        Assert.Equal((127, 0), ((sbyte)codes[3], (sbyte)codes[40]));
        Assert.Equal(31.5f / 127.5f, BitConverter.ToSingle(Bytes(packed.Parts[1])));
        Assert.Equal(1, packed.Errors!.Overflowed);
        Assert.Equal(2, packed.Errors.Statistics!.Beyond);
    }

    [Theory]
    [InlineData("F4")]
    [InlineData("F6_E2M3")]
    [InlineData("BF16")]
    [InlineData("F64")]
    public void Numbers_of_any_type_are_read(string type)
    {
        Assert.True(DType.TryParse(type, out DType dtype));
        double[] numbers = [.. Enumerable.Range(0, 128).Select(static index => (index % 7) - 3d)];
        byte[] bytes = new byte[dtype.ByteCount(new Shape(2, 64))!.Value];
        dtype.Encode(numbers, bytes);
        using Checkpoint source = new([new Tensor("up.weight", dtype, new Shape(2, 64), new MemoryBytes(bytes))], new Origin("memory", "none", "", 0));
        QuantizedTensor packed = Assert.Single(source.Pack(new PackingOptions { Scheme = PackedScheme.Int8, Layout = PackedLayout.All[0] }, []).Tensors);
        float scale = Floats(packed.Parts[1])[0];
        Assert.Equal(numbers.Select(number => (sbyte)Math.Clamp(MathF.Round((float)number / scale), -128, 127)), Bytes(packed.Parts[0]).Select(static code => unchecked((sbyte)code)));
    }

    [Theory]
    [InlineData("compressed-tensors-int4-32-asymmetric-mse")]
    [InlineData("compressed-tensors-int8-32")]
    [InlineData("bitsandbytes-nf4-64")]
    public void Scales_are_the_same_before_codes_are_made_and_after(string name)
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/packed/source.safetensors"));
        foreach (QuantizedTensor packed in source.Pack(Options(name), []).Tensors.Where(static tensor => tensor.IsChanged))
        {
            Tensor[] others = [.. packed.Parts.Skip(1)];
            byte[][] before = [.. others.Select(static part => Bytes(part))];
            for (int round = 0; round < 3; round++)
            {
                if (round < 2)
                {
                    Bytes(packed.Parts[0]);
                }
                Assert.Equal(before, [.. others.Select(static part => Bytes(part))]);
            }
        }
    }

    [Fact]
    public void Scales_are_kept_as_far_as_there_is_room_and_until_all_parts_have_been_read()
    {
        KeptScales.Budget budget = new();
        KeptScales kept = new(budget, readers: 2);
        float[] scales = new float[4];
        sbyte[] zeroPoints = new sbyte[4];
        Assert.False(kept.TryRead(0, scales, zeroPoints));
        kept.Keep(6, 2, [1, 2, 3, 4], [5, 6, 7, 8]);
        Assert.False(kept.TryRead(0, scales, zeroPoints)); // The first two are not there yet.
        Assert.True(kept.TryRead(2, scales, zeroPoints));
        Assert.Equal([1, 2, 3, 4], scales);
        Assert.Equal([5, 6, 7, 8], zeroPoints);
        Assert.True(kept.TryRead(2, scales, []));
        Assert.True(kept.TryRead(2, scales, []));
        Assert.False(kept.TryRead(2, scales, [])); // Twelve have been read.
        KeptScales most = new(budget, readers: 1);
        most.Keep(1 << 21, 0, [1], [0]);
        Assert.True(most.TryRead(0, scales.AsSpan(0, 1), []));
        kept.Keep(6, 0, [1], [0]);
        Assert.False(kept.TryRead(0, scales.AsSpan(0, 1), [])); // There is no room.
    }

    [Fact]
    public void A_weight_of_zeros_has_a_scale_of_its_whole_that_is_a_number()
    {
        using Checkpoint source = new([new Tensor("up.weight", DType.F32, new Shape(4, 32), new MemoryBytes(new byte[4 * 32 * sizeof(float)]))], new Origin("memory", "none", "", 0));
        Checkpoint packed = source.Pack(new PackingOptions { Scheme = PackedScheme.Nvfp4, Layout = PackedLayout.All[0] }, []).Checkpoint;
        Assert.Equal([1], Floats(packed.Find("up.weight_global_scale")!));
        Assert.All(Floats(packed.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors[0]), static number => Assert.Equal(0, number));
    }

    private static PackingOptions Options(string name)
    {
        PackedLayout layout = PackedLayout.All.First(layout => name.StartsWith(layout.Name, StringComparison.Ordinal));
        string[] parts = name[(layout.Name.Length + 1)..].Split('-');
        Assert.True(PackedScheme.TryParse(parts[0], out PackedScheme scheme));
        PackingOptions options = new()
        {
            Scheme = scheme,
            Layout = layout,
            Scope = ScaleScope.Parse(parts[1]),
            IsAsymmetric = parts.Contains("asymmetric"),
            Search = parts.Contains("mse") ? ScaleSearching.Mse : ScaleSearching.Absmax,
        };
        Assert.Null(options.Problem);
        return options;
    }

    // What the configuration says, as it would stand beside the file.
    private static QuantizationConfig Config(TemporaryFolder folder, QuantizedCheckpoint packed)
    {
        File.WriteAllText(folder.File("config.json"), $"{{\"quantization_config\": {packed.Configuration}}}");
        return QuantizationConfig.Read(folder.File("config.json"));
    }

    private static void Write(Checkpoint checkpoint, string path)
    {
        using Output output = new(path, replace: false);
        output.Write(Format.Safetensors.Layout(checkpoint, Path.GetFileName(path), new WriteOptions(), []));
        output.Commit();
    }

    private static byte[] Bytes(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }

    private static float[] Floats(Tensor tensor)
    {
        float[] floats = new float[tensor.Shape.ElementCount];
        Conversion.Between(tensor.DType, DType.F32)(Bytes(tensor), MemoryMarshal.AsBytes(floats.AsSpan()));
        return floats;
    }
}
