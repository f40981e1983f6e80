using System.Runtime.InteropServices;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Dialects;
using Weights.Passes.Packing;

namespace Weights.Tests.Passes.Dialects;

/// <summary>Weights of which a graph says what they are made: what does not fit together is refused, in a sentence that names the tensor.</summary>
public class GraphDialectTests
{
    private static readonly (string Reason, Func<Checkpoint> Make)[] s_broken =
    [
        ("'n': is F32, where I8", () => Linear([Zeros("n", DType.F32, 4, 6), Zeros("s", DType.F32, 4)], axis: 0)),
        ("'s': is I32, where F32", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.I32, 4)], axis: 0)),
        ("'z': is U8, where I8", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4), Zeros("z", DType.U8, 4)], axis: 0)),
        ("'z': has shape [6], where [4] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4), Zeros("z", DType.I8, 6)], axis: 0)),
        ("'z': has shape [2], where [] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32), Zeros("z", DType.I8, 2)], axis: 0)),
        ("'s': has shape [4], where [6] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4)], axis: 1)),
        ("'s': has shape [4], where [6] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4)], axis: -1)),
        ("'n': has scales along axis 2 by its node", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4)], axis: 2)),
        ("'n': has scales along axis -3 by its node", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4)], axis: -3)),
        ("'n': has scales along axis 9223372036854775807 by its node", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4)], axis: long.MaxValue)),
        ("'n': has scales along axis 0 by its node, and its shape is []", () => Linear([Zeros("n", DType.I8), Zeros("s", DType.F32, 4)], axis: 0)),
        ("'s': has shape [1, 1], where [4] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 1, 1)], axis: 0)),
        ("'s': has shape [4, 2], where [4, 3] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4, 2)], axis: 1, blockSize: 2)),
        ("'s': has shape [4, 2], where [4, 1] should be", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4, 2)], axis: 1, blockSize: long.MaxValue)),
        ("'n': is in blocks of -2 by its node", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 4, 2)], axis: 1, blockSize: -2)),
        ("'n': is made into F64 by its node", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32)], axis: 0, dtype: DType.F64)),
        ("'w': is there beside 'n'", () => Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32), Zeros("w", DType.F32, 4, 6)], axis: 0, zeroPoints: null)),
        ("'n': is I8, where U8 should be", () => Product([Zeros("n", DType.I8, 3, 2, 8), Zeros("s", DType.F32, 3, 2)])),
        ("'n': has shape [3, 2, 7], where [3, 2, 8] should be", () => Product([Zeros("n", DType.U8, 3, 2, 7), Zeros("s", DType.F32, 3, 2)])),
        ("'s': has shape [5], where [3, 2] should be", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 5)])),
        ("'s': is F64, where F16", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F64, 3, 2)])),
        ("'z': is I32, where U8 or F32", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2), Zeros("z", DType.I32, 3)])),
        ("'z': has shape [6], where [3, 1] should be", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2), Zeros("z", DType.U8, 6)])),
        ("'z': has shape [3], where [3, 2] should be", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2), Zeros("z", DType.F32, 3)])),
        ("'n': has numbers of 3 bits by its node", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2)], bits: 3)),
        ("'n': has numbers of 68719476740 bits by its node", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2)], bits: 68719476740)),
        ("'n': is in blocks of 8 by its node", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2)], blockSize: 8)),
        ("'n': is in blocks of 24 by its node", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2)], blockSize: 24)),
        ("'n': is in blocks of 4611686018427387904 by its node", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2)], blockSize: 1L << 62)),
        ("'o': has inputs in the order of their activations", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2), Zeros("o", DType.I32, 20)], order: "o")),
        ("'o': has shape [21], where [20] should be", () => Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2), Zeros("o", DType.I32, 21)], order: "o")),
    ];

    [Fact]
    public void Numbers_of_four_bits_that_are_floats_are_scaled()
    {
        byte[] numbers = [.. Enumerable.Range(0, 8).Select(static pair => (byte)((2 * pair) | (((2 * pair) + 1) << 4)))];
        using Checkpoint packed = Linear([Of("n", DType.F4, [2, 8], numbers), Of("s", DType.F32, [2], [0, 0, 0, 0x40, 0, 0, 0, 0x3F])], axis: 0);
        Tensor plain = Assert.Single(packed.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors);
        byte[] bytes = new byte[plain.Bytes.Length];
        plain.Bytes.Read(0, bytes);
        Assert.Equal([0, 1, 2, 3, 4, 6, 8, 12, -0f, -0.25f, -0.5f, -0.75f, -1, -1.5f, -2, -3], MemoryMarshal.Cast<byte, float>(bytes).ToArray());
    }

    [Fact]
    public void Blocks_may_be_larger_than_any_weight()
    {
        using Checkpoint packed = Linear([Zeros("n", DType.I8, 4, 6), Zeros("s", DType.F32, 1, 6)], axis: 0, blockSize: long.MaxValue);
        DequantizedCheckpoint plain = packed.Dequantize(new DequantizationOptions(), []);
        Assert.Equal(new Shape(4, 6), plain.Checkpoint.Tensors[0].Shape);
        Dictionary<string, PackedWeight> before = plain.Weights.ToDictionary(static weight => weight.Tensor.Name, static weight => weight.Packed);
        PackingOptions options = new() { Scheme = PackedScheme.Int8, Layout = PackedLayout.All[0], Before = before, Include = [Glob.Parse("*")] };
        Assert.Equal("int8, a scale per channel", Assert.Single(plain.Checkpoint.Pack(options, []).Tensors).Type);
    }

    [Fact]
    public void A_weight_without_elements_is_one()
    {
        using Checkpoint packed = Linear([Zeros("n", DType.I8, 0, 3), Zeros("s", DType.F16, 3)], axis: 1, dtype: DType.F16);
        Tensor plain = Assert.Single(packed.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors);
        Assert.Equal((DType.F16, new Shape(0, 3), 0L), (plain.DType, plain.Shape, plain.Bytes.Length));
    }

    [Theory]
    [InlineData("2,3,5,2", 1, 0)]
    [InlineData("70000,2,3", 1, 0)]
    [InlineData("3,150000", 1, 0)]
    [InlineData("3,150000", 0, 2)]
    [InlineData("5,7,300", 1, 3)]
    [InlineData("300,1000", 1, 16)]
    public void Any_part_of_them_can_be_read(string dimensions, int axis, int blockSize)
    {
        long[] shape = [.. dimensions.Split(',').Select(long.Parse)];
        long[] grid = blockSize == 0 ? [shape[axis]] : [.. shape.Select((size, index) => index == axis ? (size + blockSize - 1) / blockSize : size)];
        Random random = new(5);
        Tensor numbers = Noise("n", DType.I8, shape, random);
        float[] scales = [.. Enumerable.Range(0, (int)new Shape(grid).ElementCount).Select(_ => random.NextSingle())];
        Tensor zeroPoints = Noise("z", DType.I8, grid, random);
        using Checkpoint packed = Linear([numbers, Of("s", DType.F32, grid, MemoryMarshal.AsBytes<float>(scales).ToArray()), zeroPoints], axis, blockSize);
        ByteSource bytes = packed.Dequantize(new DequantizationOptions(), []).Weights[0].Tensor.Bytes;
        float[] whole = new float[numbers.Shape.ElementCount];
        bytes.ReadChunks(new byte[1 << 20], (offset, chunk) => MemoryMarshal.Cast<byte, float>(chunk).CopyTo(whole.AsSpan((int)(offset / 4))));
        Assert.Equal(Expected(numbers, scales, zeroPoints, axis, blockSize), whole);
        for (int read = 0; read < 40; read++)
        {
            int offset = random.Next(whole.Length);
            float[] part = new float[random.Next(Math.Min(whole.Length - offset, read % 3 == 0 ? 9 : 200_000)) + 1];
            bytes.Read(offset * 4L, MemoryMarshal.AsBytes(part.AsSpan()));
            Assert.True(whole.AsSpan(offset, part.Length).SequenceEqual(part), $"{part.Length} elements at {offset}");
        }
    }

    public static TheoryData<int> Broken() => [.. Enumerable.Range(0, s_broken.Length)];

    [Theory]
    [MemberData(nameof(Broken))]
    public void Parts_that_do_not_fit_are_refused(int index)
    {
        (string reason, Func<Checkpoint> make) = s_broken[index];
        using Checkpoint packed = make();
        WeightFileException error = Assert.Throws<WeightFileException>(() => packed.Dequantize(new DequantizationOptions(), []));
        Assert.Contains($"tensor {reason}", error.Message, StringComparison.Ordinal);
        Assert.Empty(packed.Dequantize(new DequantizationOptions { Exclude = [Glob.Parse("w")] }, []).Weights);
    }

    [Theory]
    [InlineData(2, 16, 3000, 2500)]
    [InlineData(4, 64, 2111, 3001)]
    [InlineData(8, 32, 70, 70000)]
    [InlineData(4, 16, 40000, 5)]
    public void Any_part_of_a_turned_matrix_can_be_read(int bits, int blockSize, int rows, int columns)
    {
        int blocks = (rows + blockSize - 1) / blockSize;
        Random random = new(bits);
        Tensor numbers = Noise("n", DType.U8, [columns, blocks, blockSize * bits / 8], random);
        float[] scales = [.. Enumerable.Range(0, columns * blocks).Select(_ => random.NextSingle())];
        Tensor zeroPoints = Noise("z", DType.U8, [columns, ((blocks * bits) + 7) / 8], random);
        using Checkpoint packed = Of([numbers, Of("s", DType.F32, [columns, blocks], MemoryMarshal.AsBytes<float>(scales).ToArray()), zeroPoints], new QuantizedValue
        {
            Name = "w",
            Kind = QuantizedValueKind.BlockMatrix,
            Numbers = "n",
            Scales = "s",
            ZeroPoints = "z",
            Shape = new Shape(rows, columns),
            DType = DType.F32,
            BlockSize = blockSize,
            Bits = bits,
        });
        byte[] stored = new byte[numbers.Bytes.Length];
        numbers.Bytes.Read(0, stored);
        byte[] zeros = new byte[zeroPoints.Bytes.Length];
        zeroPoints.Bytes.Read(0, zeros);
        int Integer(ReadOnlySpan<byte> bytes, int index) => (bytes[index * bits / 8] >> (index * bits % 8)) & ((1 << bits) - 1);
        float[] expected = new float[rows * columns];
        for (int index = 0; index < expected.Length; index++)
        {
            (int row, int column) = (index / columns, index % columns);
            int number = Integer(stored.AsSpan(column * blocks * blockSize * bits / 8), row);
            int zeroPoint = Integer(zeros.AsSpan(column * (zeros.Length / columns)), row / blockSize);
            expected[index] = (number - zeroPoint) * scales[(column * blocks) + (row / blockSize)];
        }
        ByteSource bytes = packed.Dequantize(new DequantizationOptions(), []).Weights[0].Tensor.Bytes;
        float[] whole = new float[expected.Length];
        bytes.ReadChunks(new byte[1 << 20], (offset, chunk) => MemoryMarshal.Cast<byte, float>(chunk).CopyTo(whole.AsSpan((int)(offset / 4))));
        Assert.True(expected.AsSpan().SequenceEqual(whole));
        for (int read = 0; read < 5; read++)
        {
            byte[] part = new byte[random.Next(100_000)];
            int offset = random.Next((expected.Length * 4) - part.Length);
            bytes.Read(offset, part);
            Assert.True(MemoryMarshal.AsBytes(expected.AsSpan()).Slice(offset, part.Length).SequenceEqual(part));
        }
    }

    [Fact]
    public void Blocks_next_to_each_other_may_be_listed()
    {
        byte[] order = new byte[80];
        for (int input = 16; input < 20; input++)
        {
            order[4 * input] = 1;
        }
        using Checkpoint packed = Product([Zeros("n", DType.U8, 3, 2, 8), Zeros("s", DType.F32, 3, 2), Of("o", DType.I32, [20], order)], order: "o");
        Assert.Equal(["w"], packed.Dequantize(new DequantizationOptions(), []).Checkpoint.Tensors.Select(static tensor => tensor.Name));
    }

    [Fact]
    public void Names_that_another_dialect_would_take_are_those_of_the_graph()
    {
        // compressed-tensors has numbers and scales under such names.
        using Checkpoint packed = Linear([Zeros("w.weight", DType.I8, 4, 6), Zeros("w.weight_scale", DType.F32, 6)], axis: 1);
        Assert.Equal("QDQ", Assert.Single(packed.Dequantize(new DequantizationOptions(), []).Weights).Packed.Dialect);
    }

    private static float[] Expected(Tensor numbers, float[] scales, Tensor zeroPoints, int axis, int blockSize)
    {
        sbyte[] stored = new sbyte[numbers.Shape.ElementCount];
        numbers.Bytes.Read(0, MemoryMarshal.AsBytes(stored.AsSpan()));
        sbyte[] zeros = new sbyte[zeroPoints.Shape.ElementCount];
        zeroPoints.Bytes.Read(0, MemoryMarshal.AsBytes(zeros.AsSpan()));
        int length = (int)numbers.Shape[axis];
        int inner = (int)numbers.Shape.Dimensions[(axis + 1)..].ToArray().Aggregate(1L, static (product, size) => product * size);
        float[] values = new float[stored.Length];
        for (int index = 0; index < values.Length; index++)
        {
            int step = index / inner % length;
            int blocks = blockSize == 0 ? 0 : (length + blockSize - 1) / blockSize;
            int scale = blockSize == 0 ? step : (((index / inner / length * blocks) + (step / blockSize)) * inner) + (index % inner);
            values[index] = (stored[index] - zeros[scale]) * scales[scale];
        }
        return values;
    }

    private static Checkpoint Linear(Tensor[] tensors, long axis, long blockSize = 0, DType? dtype = null, string? zeroPoints = "z") => Of(tensors, new QuantizedValue
    {
        Name = "w",
        Kind = QuantizedValueKind.Linear,
        Numbers = tensors[0].Name,
        Scales = tensors[1].Name,
        ZeroPoints = tensors.Length > 2 ? zeroPoints : null,
        Shape = tensors[0].Shape,
        DType = dtype ?? DType.F32,
        Axis = axis,
        BlockSize = blockSize,
    });

    // [20, 3] in blocks of 16.
    private static Checkpoint Product(Tensor[] tensors, long bits = 4, long blockSize = 16, string? order = null) => Of(tensors, new QuantizedValue
    {
        Name = "w",
        Kind = QuantizedValueKind.BlockMatrix,
        Numbers = "n",
        Scales = "s",
        ZeroPoints = tensors.Length > 2 && order is null ? "z" : null,
        Order = order,
        Shape = new Shape(20, 3),
        DType = DType.F32,
        BlockSize = blockSize,
        Bits = bits,
    });

    private static Checkpoint Of(Tensor[] tensors, QuantizedValue value) => new(tensors, new Origin("memory", "none", "", 0)) { QuantizedValues = [value] };

    private static Tensor Zeros(string name, DType dtype, params ReadOnlySpan<long> shape) => Of(name, dtype, shape.ToArray(), new byte[dtype.ByteCount(new Shape(shape))!.Value]);

    private static Tensor Of(string name, DType dtype, long[] shape, byte[] bytes) => new(name, dtype, new Shape(shape), new MemoryBytes(bytes));

    private static Tensor Noise(string name, DType dtype, long[] shape, Random random)
    {
        byte[] bytes = new byte[dtype.ByteCount(new Shape(shape))!.Value];
        random.NextBytes(bytes);
        return Of(name, dtype, shape, bytes);
    }
}
