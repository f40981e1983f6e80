using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;

namespace Weights.Tests.DTypes.Quantized;

/// <summary>Blocks and numbers compared with those of ggml itself, over matrices of many kinds.</summary>
public class ReferenceTests
{
    private const int Rows = 24;
    private const int Columns = 1024;

    public static TheoryData<string> Types => [.. DType.All.OfType<QuantizedDType>().Select(static dtype => dtype.Name)];

    public static TheoryData<string> EncodedTypes => [.. DType.All.OfType<QuantizedDType>().Select(static dtype => dtype.Name).Except(["Q8_1", "Q8_K"])]; // Not by ggml_quantize_chunk.

    [Theory]
    [MemberData(nameof(EncodedTypes))]
    public void Encoded_as_by_ggml(string name)
    {
        QuantizedDType dtype = Quantized(name);
        for (int kind = 0; kind < Kinds.Length; kind++)
        {
            float[] matrix = Matrix(kind);
            foreach (float[] importances in (float[][])[[], Importance(kind)])
            {
                if ((importances.Length == 0 && dtype.Importances == Importances.Required) || GgmlAborts(name, kind))
                {
                    continue;
                }
                byte[] expected = Ggml.Quantize(dtype, matrix, Columns, importances);
                byte[] actual = new byte[expected.Length];
                int rowBytes = expected.Length / Rows;
                for (int row = 0; row < Rows; row++)
                {
                    dtype.EncodeRow(matrix.AsSpan(row * Columns, Columns), importances, actual.AsSpan(row * rowBytes, rowBytes));
                    Assert.True(expected.AsSpan(row * rowBytes, rowBytes).SequenceEqual(actual.AsSpan(row * rowBytes, rowBytes)), $"numbers {Kinds[kind]}, row {row}, {(importances.Length == 0 ? "without" : "with")} importances");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
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

    private static readonly string[] Kinds = ["of a normal distribution", "uniform, positive", "few and large", "integers", "tiny", "huge", "sparse", "constant", "of many magnitudes"];

    // An assertion of its fails when sums of squares overflow: these types have a test of their own, CodeBookTests.
    private static bool GgmlAborts(string name, int kind) => Kinds[kind] == "huge" && name.StartsWith("IQ", StringComparison.Ordinal) && !name.StartsWith("IQ4", StringComparison.Ordinal);

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
                _ => normal * Math.Pow(10, random.Next(-6, 4)),
            });
        }
        return matrix;
    }

    private static float[] Importance(int kind)
    {
        Random random = new(200 + kind);
        float[] importances = new float[Columns];
        for (int index = 0; index < importances.Length; index++)
        {
            importances[index] = (float)Math.Exp(4 * random.NextDouble() - 2);
        }
        return importances;
    }
}
