using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;
using Weights.Formats;
using Weights.IO;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;
using Weights.Tests.DTypes.Quantized;

namespace Weights.Tests.Passes.Quantize;

public class QuantizationTests
{
    [Theory]
    [InlineData("q4_k_m", null)]
    [InlineData("q4_k_m", "imatrix.gguf")]
    [InlineData("q4_0", "imatrix.dat")]
    [InlineData("iq2_xs", "imatrix.gguf")]
    [InlineData("iq1_s", "imatrix.dat")]
    [InlineData("q3_k_l", "imatrix.gguf")]
    public void A_model_is_quantised_as_ggml_does_it_tensor_by_tensor(string schemeName, string? importances)
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/tiny.safetensors"));
        using TemporaryFolder folder = new();
        ImportanceMatrix? matrix = importances is null ? null : Read(importances);
        Assert.True(QuantizationScheme.TryParse(schemeName, out QuantizationScheme scheme));
        QuantizedCheckpoint quantized = source.Quantize(new QuantizationOptions { Scheme = scheme, Importances = matrix }, []);
        Write(quantized.Checkpoint, folder.File("out.gguf"));
        using Checkpoint written = Format.Open(folder.File("out.gguf"));
        int compared = 0;
        foreach (QuantizedTensor made in quantized.Tensors)
        {
            float[] before = Floats(made.Source);
            Tensor tensor = written.Find(made.Source.Name)!;
            if (tensor.DType is not QuantizedDType dtype)
            {
                continue;
            }
            int columns = (int)tensor.Shape[tensor.Shape.Rank - 1];
            float[]? columnImportances = matrix?.For(made.Source);
            int perMatrix = columnImportances is null || tensor.Shape.Rank < 3 ? before.Length : (int)(tensor.Shape[tensor.Shape.Rank - 2] * columns);
            byte[] expected = [.. Enumerable.Range(0, before.Length / perMatrix).SelectMany(index => Ggml.Quantize(dtype, before.AsSpan(index * perMatrix, perMatrix), columns, columnImportances is null ? [] : columnImportances.AsSpan(index * columns, columns)))];
            byte[] actual = new byte[tensor.Bytes.Length];
            tensor.Bytes.Read(0, actual);
            Assert.True(expected.AsSpan().SequenceEqual(actual), tensor.ToString());
            float[] after = new float[before.Length];
            dtype.DecodeFloats(actual, after);
            double squares = before.Zip(after, static (a, b) => ((double)b - a) * ((double)b - a)).Sum();
            Assert.Equal(Math.Sqrt(squares / before.Length), made.Errors!.Statistics!.RootMeanSquare, 1e-9);
            Assert.Equal(before.Zip(after, static (a, b) => Math.Abs((double)b - a)).Max(), made.Errors.Statistics!.MaxAbsolute);
            compared++;
        }
        Assert.True(compared >= 8, $"only {compared} tensors");
    }

    [Fact]
    public void Both_encodings_of_importances_say_the_same()
    {
        using Checkpoint source = Format.Open(Fixtures.Path("quantize/tiny.safetensors"));
        ImportanceMatrix gguf = Read("imatrix.gguf");
        ImportanceMatrix former = Read("imatrix.dat");
        Assert.Equal(gguf.Names.Order(StringComparer.Ordinal), former.Names.Order(StringComparer.Ordinal));
        foreach (Tensor tensor in source.Tensors.Where(tensor => gguf.Names.Contains(tensor.Name)))
        {
            float[] expected = gguf.For(tensor)!;
            float[] actual = former.For(tensor)!;
            Assert.All(expected.Zip(actual), static pair => Assert.Equal(pair.First, pair.Second, 1e-4 * Math.Abs(pair.First)));
        }
        // An expert that was never used: all its columns are alike.
        Assert.All(gguf.For(source.Find("blk.0.ffn_up_exps.weight")!)!.Skip(256), static value => Assert.Equal(1, value));
    }

    [Fact]
    public void Damaged_importances_are_refused_in_words()
    {
        using TemporaryFolder folder = new();
        byte[] whole = File.ReadAllBytes(Fixtures.Path("quantize/imatrix.dat"));
        for (int length = 0; length < whole.Length - 16; length += 97)
        {
            File.WriteAllBytes(folder.File("x.dat"), whole[..length]);
            WeightFileException error = Assert.Throws<WeightFileException>(() => Former(folder.File("x.dat")));
            Assert.Equal(Fault.Corrupt, error.Fault);
        }
        Assert.Contains("NAME.in_sum2", Assert.Throws<WeightFileException>(static () =>
        {
            using Checkpoint shapes = Format.Open(Fixtures.Path("gguf/valid/shapes.gguf"));
            ImportanceMatrix.Of(shapes);
        }).Message, StringComparison.Ordinal);
        using Checkpoint other = new([new Tensor("output.weight", DType.F32, new Shape(2, 128), new MemoryBytes(new byte[1024]))], new Origin("memory", "none", "", 0));
        Assert.Contains("it is of another model", Assert.Throws<WeightFileException>(() => Read("imatrix.gguf").For(other.Tensors[0])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Q4_K")]
    [InlineData("Q8_0")]
    [InlineData("F16")]
    [InlineData("F8_E4M3")]
    [InlineData("F4")]
    public void Read_in_any_pieces_the_bytes_and_the_errors_are_the_same(string name)
    {
        Assert.True(DType.TryParse(name, out DType dtype));
        Tensor tensor = Sample();
        float[] importances = [.. Enumerable.Range(0, 512).Select(static column => 1 + (column % 7 / 3f))];
        QuantizationErrors whole = new();
        QuantizedBytes bytes = QuantizedBytes.Create(tensor, dtype, importances, whole);
        byte[] expected = new byte[bytes.Length];
        bytes.Read(0, expected);
        Random random = new(3);
        for (int round = 0; round < 20; round++)
        {
            QuantizationErrors errors = new();
            bytes = QuantizedBytes.Create(tensor, dtype, importances, errors);
            byte[] actual = new byte[bytes.Length];
            for (int offset = 0; offset < actual.Length;)
            {
                int length = Math.Min(random.Next(1, 2000), actual.Length - offset);
                bytes.Read(offset, actual.AsSpan(offset, length));
                offset += length;
            }
            Assert.Equal(expected, actual);
            Assert.Equal((whole.Statistics!.Count, whole.Statistics.MaxAbsolute, whole.Overflowed), (errors.Statistics!.Count, errors.Statistics.MaxAbsolute, errors.Overflowed));
            Assert.Equal(whole.Statistics.RootMeanSquare, errors.Statistics.RootMeanSquare, 1e-12);
        }
    }

    [Fact]
    public void What_is_read_twice_at_once_in_other_pieces_counts_once()
    {
        Tensor tensor = Sample();
        QuantizationErrors once = new();
        QuantizedBytes bytes = QuantizedBytes.Create(tensor, DType.Q4_K, null, once);
        bytes.Read(0, new byte[bytes.Length]);
        QuantizationErrors twice = new();
        bytes = QuantizedBytes.Create(tensor, DType.Q4_K, null, twice);
        // One reader in pieces of 1000 bytes, back to front within each four, and one in pieces of 777.
        int[] slow = [.. Enumerable.Range(0, (int)(bytes.Length + 999) / 1000).Chunk(4).SelectMany(static four => four.Reverse()).Select(static piece => piece * 1000)];
        int[] fast = [.. Enumerable.Range(0, (int)(bytes.Length + 776) / 777).Select(static piece => piece * 777)];
        for (int index = 0; index < Math.Max(slow.Length, fast.Length); index++)
        {
            foreach ((int[] starts, int length) in ((int[], int)[])[(slow, 1000), (fast, 777)])
            {
                if (index < starts.Length)
                {
                    bytes.Read(starts[index], new byte[Math.Min(length, bytes.Length - starts[index])]);
                }
            }
        }
        Assert.Equal((once.Statistics!.Count, once.Statistics.MaxAbsolute), (twice.Statistics!.Count, twice.Statistics.MaxAbsolute));
        Assert.Equal(once.Statistics.RootMeanSquare, twice.Statistics.RootMeanSquare, 1e-12);
        Assert.Equal(tensor.Shape.ElementCount, twice.Statistics.Count);
    }

    [Fact]
    public void Numbers_beyond_the_range_of_the_new_type_are_counted()
    {
        float[] numbers = new float[64];
        (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]) = (70000, -1e9f, float.PositiveInfinity, float.NaN, 65504);
        Tensor tensor = new("x", DType.F32, new Shape(1, 64), new MemoryBytes(MemoryMarshal.AsBytes<float>(numbers).ToArray()));
        Assert.Equal([2, 3, 3, 3, 0], new[] { DType.F16, DType.F8E4M3, DType.F4, DType.F6E3M2, DType.BF16 }.Select(dtype =>
        {
            QuantizationErrors errors = new();
            QuantizedBytes bytes = QuantizedBytes.Create(tensor, dtype, null, errors);
            bytes.Read(0, new byte[bytes.Length]);
            return errors.Overflowed;
        }));
    }

    private static ImportanceMatrix Read(string name)
    {
        string path = Fixtures.Path("quantize/" + name);
        if (name.EndsWith(".dat", StringComparison.Ordinal))
        {
            return Former(path);
        }
        using Checkpoint checkpoint = Format.Open(path);
        return ImportanceMatrix.Of(checkpoint);
    }

    private static ImportanceMatrix Former(string path)
    {
        using FileInput input = new(path);
        return ImportanceMatrix.Of(input);
    }

    private static Tensor Sample()
    {
        Random random = new(9);
        float[] numbers = [.. Enumerable.Range(0, 24 * 512).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 4))))];
        return new Tensor("sample.weight", DType.F32, new Shape(24, 512), new MemoryBytes(MemoryMarshal.AsBytes<float>(numbers).ToArray()));
    }

    private static float[] Floats(Tensor tensor)
    {
        float[] numbers = new float[tensor.Shape.ElementCount];
        tensor.Bytes.Read(0, MemoryMarshal.AsBytes(numbers.AsSpan()));
        return numbers;
    }

    private static void Write(Checkpoint checkpoint, string path)
    {
        using Output output = new(path, replace: false);
        output.Write(Format.Gguf.Layout(checkpoint, Path.GetFileName(path), new WriteOptions(), []));
        output.Commit();
    }
}
