using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Weights.DTypes;
using Weights.DTypes.Quantized;

namespace Weights.Tests.DTypes.Quantized;

/// <summary>
/// Bytes and numbers that ggml's own <c>ggml_quantize_chunk</c> made of one matrix of 16 rows and 512 columns, with and without importances: rows of zeros, outliers,
/// constants, tiny and huge numbers among them.
/// </summary>
public class GoldenTests
{
    private const int Columns = 512;

    private static readonly float[] s_input = Floats("input.f32");
    private static readonly float[] s_importances = Floats("imatrix.f32");

    public static TheoryData<string> Cases => [.. Manifest().EnumerateObject().Where(static type => Quantized(type.Name) is not null).Select(static type => type.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encoded_as_by_the_reference(string name)
    {
        JsonElement expected = Manifest().GetProperty(name);
        byte[] blocks = Encode(Quantized(name)!, expected.GetProperty("imatrix").GetBoolean() ? s_importances : []);
        byte[] golden = File.ReadAllBytes(Fixtures.Path("ggml/" + expected.GetProperty("file").GetString()));
        int rowBytes = golden.Length / (s_input.Length / Columns);
        Assert.Equal(golden.Length, blocks.Length);
        for (int row = 0; row < s_input.Length / Columns; row++)
        {
            Assert.True(golden.AsSpan(row * rowBytes, rowBytes).SequenceEqual(blocks.AsSpan(row * rowBytes, rowBytes)), $"row {row} differs");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decoded_as_by_the_reference(string name)
    {
        JsonElement expected = Manifest().GetProperty(name);
        QuantizedDType dtype = Quantized(name)!;
        byte[] blocks = File.ReadAllBytes(Fixtures.Path("ggml/" + expected.GetProperty("file").GetString()));
        float[] values = new float[s_input.Length];
        dtype.DecodeFloats(blocks, values);
        Assert.Equal(expected.GetProperty("dequantized_sha256").GetString(), System.Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(values))));
        double[] doubles = new double[s_input.Length];
        dtype.Decode(blocks, doubles);
        Assert.Equal(Array.ConvertAll(values, static value => (double)value), doubles);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_type_has_the_size_that_the_reference_gives_it(string name)
    {
        JsonElement expected = Manifest().GetProperty(name);
        Assert.Equal((expected.GetProperty("block").GetInt32(), expected.GetProperty("bytes").GetInt32()), (Quantized(name)!.BlockLength, Quantized(name)!.BlockBytes));
    }

    [Fact]
    public void Every_quantised_type_is_in_the_manifest() =>
        Assert.Equal(
            DType.All.OfType<QuantizedDType>().Select(static dtype => dtype.Name).Except(["Q8_1", "Q8_K"]), // Not encoded by ggml_quantize_chunk: they are of computations.
            ((IEnumerable<object[]>)Cases).Select(static row => Quantized((string)row[0])!.Name).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Every_cast_to_and_from_a_quantised_type_is_as_by_way_of_floats()
    {
        foreach (QuantizedDType dtype in DType.All.OfType<QuantizedDType>().Where(static dtype => dtype.Importances != Importances.Required))
        {
            byte[] blocks = Encode(dtype, []);
            Assert.Equal(blocks, Convert(DType.F32, dtype, MemoryMarshal.AsBytes<float>(s_input)));
            float[] values = new float[s_input.Length];
            dtype.DecodeFloats(blocks, values);
            foreach (DType other in (DType[])[DType.F16, DType.BF16, DType.F64, DType.F8E4M3, DType.I32])
            {
                byte[] cast = Convert(DType.F32, other, MemoryMarshal.AsBytes<float>(values));
                Assert.Equal(cast, Convert(dtype, other, blocks));
                Assert.Equal(Convert(DType.F32, dtype, Convert(other, DType.F32, cast)), Convert(other, dtype, cast));
            }
        }
    }

    private static byte[] Convert(DType from, DType to, ReadOnlySpan<byte> source)
    {
        byte[] target = new byte[source.Length / from.BlockBytes * from.BlockLength / to.BlockLength * to.BlockBytes];
        Conversion.Between(from, to)(source, target);
        return target;
    }

    private static byte[] Encode(QuantizedDType dtype, ReadOnlySpan<float> importances)
    {
        int rowBytes = Columns / dtype.BlockLength * dtype.BlockBytes;
        byte[] blocks = new byte[s_input.Length / Columns * rowBytes];
        for (int row = 0; row < s_input.Length / Columns; row++)
        {
            dtype.EncodeRow(s_input.AsSpan(row * Columns, Columns), importances, blocks.AsSpan(row * rowBytes, rowBytes));
        }
        return blocks;
    }

    private static QuantizedDType? Quantized(string name) => DType.TryParse(name.Split('.')[0].ToUpperInvariant(), out DType dtype) ? dtype as QuantizedDType : null;

    private static JsonElement Manifest() => JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("ggml/manifest.json"))).RootElement.GetProperty("types");

    private static float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Fixtures.Path("ggml/" + name))).ToArray();
}
