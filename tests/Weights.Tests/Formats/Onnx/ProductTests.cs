using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Weights.Formats;
using Weights.Passes.Dialects;

namespace Weights.Tests.Formats.Onnx;

/// <summary>A product by a matrix becomes one by a packed matrix (<c>MatMulNBits</c>): ONNX Runtime multiplies by what the dialect makes of it.</summary>
public class ProductTests
{
    public static TheoryData<int, string, string, int, int, int> Layouts()
    {
        TheoryData<int, string, string, int, int, int> data = [];
        foreach (int bits in (int[])[2, 4, 8])
        {
            foreach (string zeroPoints in (string[])["none", "packed", "scales"])
            {
                foreach (string scales in (string[])["F32", "F16"])
                {
                    if (bits == 8 && zeroPoints == "scales")
                    {
                        continue; // The runtime has no kernel for these.
                    }
                    data.Add(bits, zeroPoints, scales, 40, 6, 16);
                    data.Add(bits, zeroPoints, scales, 64, 5, 32);
                    data.Add(bits, zeroPoints, scales, 100, 3, 128);
                }
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void With_the_identity_the_product_is_the_weight(int bits, string zeroPoints, string scalesType, int rows, int columns, int blockSize)
    {
        Assert.True(DType.TryParse(scalesType, out DType scales));
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("plain.onnx"), Product(scales == DType.F32 ? 1 : 10, rows, columns));
        using Checkpoint plain = Format.Open(folder.File("plain.onnx"));
        using Checkpoint packed = Pack(plain, "w", bits, zeroPoints, scales, rows, columns, blockSize);
        QuantizedValueTests.Write(packed, folder.File("packed.onnx"));
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        Assert.Equal(["com.microsoft.MatMulNBits 1"], read.Graph!.Operators.Select(static entry => $"{entry.Key} {entry.Value}"));
        Tensor weight = Assert.Single(read.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors);
        Assert.Equal(("w", scales, new Shape(rows, columns)), (weight.Name, weight.DType, weight.Shape));
        byte[] actual = new byte[weight.Bytes.Length];
        weight.Bytes.Read(0, actual);
        Assert.Equal(Numbers(TimesIdentity(folder.File("packed.onnx"), scales, rows), scales), Numbers(actual, scales));
    }

    // Sums have no zeros with a sign.
    private static double[] Numbers(byte[] bytes, DType dtype)
    {
        double[] numbers = new double[bytes.Length / dtype.BlockBytes];
        dtype.Decode(bytes, numbers);
        return Array.ConvertAll(numbers, static number => number + 0.0);
    }

    private static byte[] TimesIdentity(string path, DType dtype, int rows)
    {
        double[] identity = new double[rows * rows];
        for (int row = 0; row < rows; row++)
        {
            identity[row * (rows + 1)] = 1;
        }
        byte[] bytes = new byte[rows * rows * dtype.BlockBytes];
        dtype.Encode(identity, bytes);
        using InferenceSession session = new(path);
        using RunOptions run = new();
        using OrtValue input = dtype == DType.F32
            ? OrtValue.CreateTensorValueFromMemory(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), [rows, rows])
            : OrtValue.CreateTensorValueFromMemory(MemoryMarshal.Cast<byte, Float16>(bytes).ToArray(), [rows, rows]);
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, new Dictionary<string, OrtValue> { ["x"] = input }, session.OutputNames);
        return outputs[0].GetTensorMutableRawData().ToArray();
    }

    // The same checkpoint, with a packed matrix in place of a plain one.
    internal static Checkpoint Pack(Checkpoint plain, string name, int bits, string zeroPoints, DType scales, int rows, int columns, int blockSize)
    {
        int blocks = (rows + blockSize - 1) / blockSize;
        Random random = new(bits + rows);
        List<Tensor> parts =
        [
            QuantizedValueTests.Noise($"{name}_Q{bits}", DType.U8, [columns, blocks, blockSize * bits / 8], random),
            QuantizedValueTests.Scales($"{name}_scales", scales, [columns, blocks], random),
        ];
        if (zeroPoints != "none")
        {
            parts.Add(zeroPoints == "packed"
                ? QuantizedValueTests.Noise($"{name}_zero_points", DType.U8, [columns, ((blocks * bits) + 7) / 8], random)
                : QuantizedValueTests.Scales($"{name}_zero_points", scales, [columns, blocks], random));
        }
        QuantizedValue value = new()
        {
            Name = name,
            Kind = QuantizedValueKind.BlockMatrix,
            Numbers = parts[0].Name,
            Scales = parts[1].Name,
            ZeroPoints = parts.Count > 2 ? parts[2].Name : null,
            Shape = new Shape(rows, columns),
            DType = scales,
            BlockSize = blockSize,
            Bits = bits,
        };
        return plain.With(plain.Tensors.SelectMany(tensor => tensor.Name == name ? parts : [tensor])).WithQuantizedValues([.. plain.QuantizedValues, value]);
    }

    // x · w
    private static byte[] Product(int type, int rows, int columns)
    {
        ProtoBuilder Value(string name, params int[] shape) => new ProtoBuilder().Text(1, name).Message(2, new ProtoBuilder().Message(1, new ProtoBuilder().Number(1, type).Message(2,
            new ProtoBuilder().Repeat(shape.Length, (builder, index) => builder.Message(1, shape[index] > 0 ? new ProtoBuilder().Number(1, shape[index]) : new ProtoBuilder().Text(2, "n"))))));
        byte[] elements = new byte[rows * columns * (type == 1 ? 4 : 2)];
        return ProtoBuilder.Model(new ProtoBuilder()
            .Message(1, new ProtoBuilder().Text(1, "x").Text(1, "w").Text(2, "y").Text(4, "MatMul"))
            .Text(2, "g")
            .Message(5, new ProtoBuilder().Number(1, rows).Number(1, columns).Number(2, type).Text(8, "w").Bytes(9, elements))
            .Message(11, Value("x", 0, rows))
            .Message(12, Value("y", 0, columns)));
    }
}
