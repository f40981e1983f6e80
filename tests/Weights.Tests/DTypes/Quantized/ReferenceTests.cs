using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.DTypes.Quantized;

namespace Weights.Tests.DTypes.Quantized;

/// <summary>Blocks and numbers compared with those of ggml itself, over matrices of many kinds.</summary>
public class ReferenceTests
{
    private const int Rows = 24;
    private const int Columns = 1024;

    // ggml has no decoder of Q8_1.
    public static TheoryData<string> DecodedTypes => [.. DType.All.OfType<QuantizedDType>().Select(static dtype => dtype.Name).Where(static name => name != "Q8_1")];

    public static TheoryData<string> Types => [.. DType.All.OfType<QuantizedDType>().Select(static dtype => dtype.Name)];

    [Theory]
    [MemberData(nameof(Types))]
    public void Encoded_as_by_ggml(string name)
    {
        QuantizedDType dtype = Quantized(name);
        for (int kind = 0; kind < Kinds.Length; kind++)
        {
            float[] matrix = Matrix(kind);
            foreach (float[] importances in (float[][])[[], Importance(kind)])
            {
                if ((importances.Length == 0 && dtype.Importances == Importances.Required) || GgmlAborts(name, kind, importances.Length > 0))
                {
                    continue;
                }
                byte[] actual = new byte[matrix.Length / dtype.BlockLength * dtype.BlockBytes];
                byte[] expected = Ggml.Quantize(dtype, matrix, Columns, importances);
                int rowBytes = actual.Length / Rows;
                for (int row = 0; row < Rows; row++)
                {
                    dtype.EncodeRow(matrix.AsSpan(row * Columns, Columns), importances, actual.AsSpan(row * rowBytes, rowBytes));
                    Assert.True(expected.AsSpan(row * rowBytes, rowBytes).SequenceEqual(actual.AsSpan(row * rowBytes, rowBytes)), $"numbers {Kinds[kind]}, row {row}, {(importances.Length == 0 ? "without" : "with")} importances");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(DecodedTypes))]
    public void Any_bytes_are_decoded_as_by_ggml(string name)
    {
        QuantizedDType dtype = Quantized(name);
        byte[] blocks = new byte[1000 * dtype.BlockBytes];
        new Random(11).NextBytes(blocks);
        float[] values = new float[1000 * dtype.BlockLength];
        dtype.DecodeFloats(blocks, values);
        float[] expected = Ggml.Dequantize(dtype, blocks);
        for (int index = 0; index < values.Length; index++)
        {
            // The bits of a NaN are not said by ggml: they depend on the order in which the compiler multiplies.
            Assert.True(BitConverter.SingleToInt32Bits(expected[index]) == BitConverter.SingleToInt32Bits(values[index]) || (float.IsNaN(expected[index]) && float.IsNaN(values[index])), $"number {index}: {values[index]:R} instead of {expected[index]:R}");
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Vectors_give_what_numbers_one_by_one_give(string name)
    {
        QuantizedDType dtype = Quantized(name);
        for (int kind = 0; kind < Kinds.Length + 2; kind++)
        {
            float[] matrix = Matrix(kind);
            // Rows of lengths that are no multiple of eight blocks, too.
            int columns = dtype.BlockLength * (kind % 2 == 0 ? 11 : 4);
            byte[] expected = new byte[columns / dtype.BlockLength * dtype.BlockBytes];
            byte[] actual = new byte[expected.Length];
            float[] importances = Importance(kind, columns);
            for (int start = 0; start + columns <= matrix.Length; start += columns)
            {
                ReadOnlySpan<float> row = matrix.AsSpan(start, columns);
                foreach (float[] weights in (float[][])[[], importances])
                {
                    if (weights.Length == 0 && dtype.Importances == Importances.Required)
                    {
                        continue;
                    }
                    dtype.EncodeRowPlainly(row, weights, expected);
                    dtype.EncodeRow(row, weights, actual);
                    Assert.True(expected.AsSpan().SequenceEqual(actual), $"numbers {kind}, from {start}, {(weights.Length == 0 ? "without" : "with")} importances");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Any_bytes_are_decoded_the_same_with_vectors(string name)
    {
        QuantizedDType dtype = Quantized(name);
        // Enough for scales that are not finite, or subnormal.
        byte[] blocks = new byte[2000 * dtype.BlockBytes];
        new Random(13).NextBytes(blocks);
        float[] values = new float[2000 * dtype.BlockLength];
        double[] expected = new double[values.Length];
        dtype.DecodeFloats(blocks, values);
        dtype.Decode(blocks, expected);
        // Of two NaNs, a scale's and a minimum's, a sum keeps the one that the compiler has come first.
        bool isSum = name is "Q2_K" or "Q4_K" or "Q5_K";
        for (int index = 0; index < values.Length; index++)
        {
            Assert.True((isSum && double.IsNaN(expected[index]) && float.IsNaN(values[index])) || BitConverter.DoubleToInt64Bits(expected[index]) == BitConverter.DoubleToInt64Bits(values[index]), $"number {index}: {values[index]:R} instead of {expected[index]:R}");
        }
    }

    [Fact]
    public void Q8_1_is_decoded_as_Q8_0()
    {
        byte[] blocks = new byte[1000 * 36];
        new Random(12).NextBytes(blocks);
        byte[] withoutSums = [.. blocks.Chunk(36).SelectMany(static block => (byte[])[.. block[..2], .. block[4..]])];
        float[] expected = new float[32 * 1000];
        float[] values = new float[32 * 1000];
        Quantized("Q8_0").DecodeFloats(withoutSums, expected);
        Quantized("Q8_1").DecodeFloats(blocks, values);
        Assert.Equal(expected, values);
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Halves_are_as_by_ggml(string name)
    {
        DType dtype = DType.TryParse(name, out DType half) ? half : throw new ArgumentException(name);
        // All upper halves of a number, with lower halves at, next to and far from where rounding changes.
        uint[] lower = [0, 1, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2FFF, 0x3000, 0x3001, 0x7FFF, 0x8000, 0x8001, 0xABCD, 0xFFFF];
        float[] numbers = [.. Enumerable.Range(0, 1 << 16).SelectMany(upper => lower.Select(bits => BitConverter.UInt32BitsToSingle(((uint)upper << 16) | bits)))];
        ushort[] expected = Ggml.Narrow(dtype, numbers);
        ushort[] actual = new ushort[numbers.Length];
        Conversion.Between(DType.F32, dtype)(MemoryMarshal.AsBytes<float>(numbers), MemoryMarshal.AsBytes(actual.AsSpan()));
        for (int index = 0; index < numbers.Length; index++)
        {
            // Payloads of NaNs are kept here and not by ggml.
            Assert.True(expected[index] == actual[index] || float.IsNaN(numbers[index]), $"{numbers[index]:R}: {actual[index]:X4} instead of {expected[index]:X4}");
            if (dtype == DType.F16)
            {
                Scale scale = Scale.Of(numbers[index]);
                Assert.Equal(expected[index], Unsafe.BitCast<Scale, ushort>(scale));
                Assert.Equal((float)BitConverter.UInt16BitsToHalf(expected[index]), scale.Value);
            }
        }
    }

    private static readonly string[] Kinds = ["of a normal distribution", "uniform, positive", "few and large", "integers", "tiny", "huge", "sparse", "constant", "of many magnitudes", "subnormal", "next to powers of two", "halves and integers"];

    // Its assertions fail, and the process with them, where sums of squares overflow: there these types have a test of their own, in CodeBookTests.
    private static bool GgmlAborts(string name, int kind, bool isWeighted) => Kinds[kind] switch
    {
        "huge" => name is "IQ1_M" or "IQ2_S" or "IQ2_XS" or "IQ2_XXS" or "IQ3_S" or "IQ3_XXS",
        "next to powers of two" => name is "IQ2_XXS" or "IQ3_S" or "IQ3_XXS" || (name == "IQ1_M" && !isWeighted),
        _ => false,
    };

    private static QuantizedDType Quantized(string name) => DType.TryParse(name, out DType dtype) ? (QuantizedDType)dtype : throw new ArgumentException(name);

    private static float[] Matrix(int kind)
    {
        Random random = new(100 + kind);
        float[] matrix = new float[Rows * Columns];
        for (int index = 0; index < matrix.Length; index++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            matrix[index] = (float)(kind switch
            {
                0 => normal * 0.02,
                1 => random.NextDouble(),
                2 => random.Next(64) == 0 ? normal * 50 : normal * 0.01,
                3 => random.Next(-8, 9),
                4 => normal * 1e-30,
                5 => normal * 1e30,
                6 => random.Next(8) == 0 ? normal : 0,
                7 => index / Columns - 3,
                9 => random.Next(-20, 20) * float.Epsilon,
                10 => index % 32 != 0 ? 0 : Math.ScaleB((1 << 24) - random.Next(100), random.Next(-170, 104)),
                11 => random.Next(-14, 15) / 2.0,
                12 => random.Next(64) == 0 ? double.PositiveInfinity * random.Next(-1, 1) : normal,
                13 => random.Next(300) == 0 ? double.NaN : normal * (random.Next(3) == 0 ? 0 : 1),
                _ => normal * Math.Pow(10, random.Next(-6, 4)),
            });
        }
        return matrix;
    }

    private static float[] Importance(int kind, int columns = Columns)
    {
        Random random = new(200 + kind);
        float[] importances = new float[columns];
        for (int index = 0; index < importances.Length; index++)
        {
            importances[index] = (float)Math.Exp(4 * random.NextDouble() - 2);
        }
        return importances;
    }
}
