using Weights.Formats;
using Weights.IO;
using Weights.Passes.Dialects;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Weights in smaller numbers, in models that are nothing but tensors: ONNX Runtime makes of them what the dialect does, bit for bit.</summary>
public class QuantizedValueTests
{
    /// <summary>Numbers, scales, shape, axis, block size.</summary>
    public static TheoryData<string, string, string, int, int> Layouts()
    {
        TheoryData<string, string, string, int, int> data = [];
        foreach (string numbers in (string[])["I8", "U8", "I16", "U16", "I4", "U4", "I2", "U2", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I32"])
        {
            foreach (string scales in (string[])["F32", "F16"])
            {
                data.Add(numbers, scales, "5,7", 0, -1); // one scale
                data.Add(numbers, scales, "5,7", 0, 0);
                data.Add(numbers, scales, "5,7", 1, 0);
                data.Add(numbers, scales, "3,5,2,3", -3, 0);
                data.Add(numbers, scales, "3,40", -1, 16);
                data.Add(numbers, scales, "40,3", 0, 16);
                data.Add(numbers, scales, "2,5,3", 1, 2);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void A_runtime_makes_the_same_of_them(string numbersType, string scalesType, string dimensions, int axis, int blockSize)
    {
        using Checkpoint packed = Packed(numbersType, scalesType, dimensions, axis, blockSize);
        QuantizedValue value = packed.QuantizedValues[0];
        using TemporaryFolder folder = new();
        Write(packed, folder.File("packed.onnx"));
        using Checkpoint read = Format.Open(folder.File("packed.onnx"));
        Assert.Null(read.Graph);
        Assert.Equal(packed.Tensors.Select(static tensor => tensor.ToString()), read.Tensors.Select(static tensor => tensor.ToString()));
        Assert.Equal(value with { Shared = [] }, Assert.Single(read.QuantizedValues) with { Shared = value.Shared });
        Tensor plain = Assert.Single(read.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors);
        Assert.Equal((value.Name, value.DType, value.Shape), (plain.Name, plain.DType, plain.Shape));
        byte[] actual = new byte[plain.Bytes.Length];
        plain.Bytes.Read(0, actual);
        Assert.Equal(Convert.ToHexString(Runtime.Outputs(folder.File("packed.onnx"))[0]), Convert.ToHexString(actual));
    }

    private static Checkpoint Packed(string numbersType, string scalesType, string dimensions, int axis, int blockSize)
    {
        Assert.True(DType.TryParse(numbersType, out DType numbers) & DType.TryParse(scalesType, out DType scales));
        long[] shape = [.. dimensions.Split(',').Select(long.Parse)];
        int cut = axis < 0 ? axis + shape.Length : axis;
        long[] grid = blockSize < 0 ? [] : blockSize == 0 ? [shape[cut]] : [.. shape.Select((size, index) => index == cut ? (size + blockSize - 1) / blockSize : size)];
        Random random = new(numbersType.Sum(static letter => letter));
        List<Tensor> tensors = [Noise("w_numbers", numbers, shape, random), Scales("w_scale", scales, grid, random)];
        bool hasZeroPoints = numbers.Kind != DTypeKind.Float && numbers != DType.I32;
        if (hasZeroPoints)
        {
            tensors.Add(Noise("w_zero", numbers, grid, random));
        }
        return new Checkpoint(tensors, new Origin("memory", "none", "", 0))
        {
            QuantizedValues =
            [
                new QuantizedValue
                {
                    Name = "w",
                    Kind = QuantizedValueKind.Linear,
                    Numbers = "w_numbers",
                    Scales = "w_scale",
                    ZeroPoints = hasZeroPoints ? "w_zero" : null,
                    Shape = new Shape(shape),
                    DType = scales,
                    Axis = blockSize < 0 ? 0 : axis,
                    BlockSize = Math.Max(blockSize, 0),
                },
            ],
        };
    }

    internal static Tensor Noise(string name, DType dtype, long[] dimensions, Random random)
    {
        Shape shape = new(dimensions);
        byte[] bytes = new byte[dtype.ByteCount(shape)!.Value];
        random.NextBytes(bytes);
        if (dtype.Kind == DTypeKind.Float && dtype.BlockBytes == 1 && dtype.BlockLength == 1)
        {
            // Nothing that is no number.
            bytes = Array.ConvertAll(bytes, static value => (byte)(value & 0xBB));
        }
        int inLast = (int)(shape.ElementCount % dtype.BlockLength);
        if (inLast > 0)
        {
            bytes[^1] &= (byte)((1 << (inLast * 8 / dtype.BlockLength)) - 1);
        }
        return new Tensor(name, dtype, shape, new MemoryBytes(bytes));
    }

    internal static Tensor Scales(string name, DType dtype, long[] dimensions, Random random)
    {
        Shape shape = new(dimensions);
        byte[] bytes = new byte[dtype.ByteCount(shape)!.Value];
        double[] scales = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => (random.NextDouble() * 0.1) + 0.001)];
        dtype.Encode(scales, bytes);
        return new Tensor(name, dtype, shape, new MemoryBytes(bytes));
    }

    internal static void Write(Checkpoint checkpoint, string path)
    {
        using Output output = new(path, replace: false);
        output.Write(Format.Onnx.Layout(checkpoint, Path.GetFileName(path), new WriteOptions(), []));
        output.Commit();
    }
}
