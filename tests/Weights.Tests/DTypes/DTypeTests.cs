using CsCheck;
using Weights.IO;

namespace Weights.Tests.DTypes;

public class DTypeTests
{
    // Names and sizes as safetensors publishes them; C32 and C128 are PyTorch's complex32 and complex128; the integers of 2 and 4 bits are ONNX's.
    public static TheoryData<string, int, int, DTypeKind, int> Published => new()
    {
        { "BOOL", 1, 1, DTypeKind.Bool, 1 },
        { "I2", 4, 1, DTypeKind.Signed, 1 },
        { "U2", 4, 1, DTypeKind.Unsigned, 1 },
        { "I4", 2, 1, DTypeKind.Signed, 1 },
        { "U4", 2, 1, DTypeKind.Unsigned, 1 },
        { "F4", 2, 1, DTypeKind.Float, 1 },
        { "F6_E2M3", 4, 3, DTypeKind.Float, 1 },
        { "F6_E3M2", 4, 3, DTypeKind.Float, 1 },
        { "U8", 1, 1, DTypeKind.Unsigned, 1 },
        { "I8", 1, 1, DTypeKind.Signed, 1 },
        { "F8_E5M2", 1, 1, DTypeKind.Float, 1 },
        { "F8_E4M3", 1, 1, DTypeKind.Float, 1 },
        { "F8_E8M0", 1, 1, DTypeKind.Float, 1 },
        { "F8_E4M3FNUZ", 1, 1, DTypeKind.Float, 1 },
        { "F8_E5M2FNUZ", 1, 1, DTypeKind.Float, 1 },
        { "I16", 1, 2, DTypeKind.Signed, 2 },
        { "U16", 1, 2, DTypeKind.Unsigned, 2 },
        { "F16", 1, 2, DTypeKind.Float, 2 },
        { "BF16", 1, 2, DTypeKind.Float, 2 },
        { "I32", 1, 4, DTypeKind.Signed, 4 },
        { "U32", 1, 4, DTypeKind.Unsigned, 4 },
        { "F32", 1, 4, DTypeKind.Float, 4 },
        { "C32", 1, 4, DTypeKind.Complex, 2 },
        { "C64", 1, 8, DTypeKind.Complex, 4 },
        { "F64", 1, 8, DTypeKind.Float, 8 },
        { "I64", 1, 8, DTypeKind.Signed, 8 },
        { "U64", 1, 8, DTypeKind.Unsigned, 8 },
        { "C128", 1, 16, DTypeKind.Complex, 8 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void A_type_has_its_published_size(string name, int blockLength, int blockBytes, DTypeKind kind, int wordBytes)
    {
        Assert.True(DType.TryParse(name, out DType dtype));
        Assert.Equal((name, blockLength, blockBytes, kind, wordBytes), (dtype.Name, dtype.BlockLength, dtype.BlockBytes, dtype.Kind, dtype.WordBytes));
        Assert.Equal(8.0 * blockBytes / blockLength, dtype.BitsPerElement);
        Assert.Equal(kind == DTypeKind.Complex ? 2 : 1, dtype.Components);
    }

    [Fact]
    public void Every_type_is_registered_once_under_its_name()
    {
        string[] names = [.. DType.All.Select(static dtype => dtype.Name)];
        Assert.Equal(names, names.Distinct().Order(StringComparer.Ordinal));
        Assert.All(Published.Select(static row => (string)row[0]), name => Assert.Contains(name, names));
        Assert.All(DType.All, static dtype => Assert.True(DType.TryParse(dtype.Name, out DType found) && found == dtype));
        Assert.False(DType.TryParse("f32", out _));
    }

    [Fact]
    public void ByteCount_is_whole_blocks_or_a_padded_byte_or_nothing() =>
        Gen.Select(Gen.Int[0, DType.All.Count - 1], Gen.Long[0, long.MaxValue]).Sample(static (type, count) =>
        {
            DType dtype = DType.All[type];
            bool isBroken = count % dtype.BlockLength != 0;
            Int128 bytes = (Int128)((count / dtype.BlockLength) + (isBroken ? 1 : 0)) * dtype.BlockBytes;
            long? expected = (isBroken && !dtype.PadsLastBlock) || bytes > long.MaxValue ? null : (long)bytes;
            Assert.Equal(expected, dtype.ByteCount(new Shape(count)));
        });

    [Fact]
    public void ByteCount_does_not_overflow_at_the_edge()
    {
        Assert.Equal(long.MaxValue, DType.U8.ByteCount(new Shape(long.MaxValue)));
        Assert.Equal(long.MaxValue - 1, DType.F16.ByteCount(new Shape(long.MaxValue / 2)));
        Assert.Null(DType.F16.ByteCount(new Shape((long.MaxValue / 2) + 1)));
        Assert.Null(DType.C128.ByteCount(new Shape(long.MaxValue)));
        Assert.Equal(long.MaxValue / 2, DType.F4.ByteCount(new Shape(long.MaxValue - 1)));
        Assert.Equal((long.MaxValue / 2) + 1, DType.F4.ByteCount(new Shape(long.MaxValue)));
        Assert.Equal((long.MaxValue / 4) + 1, DType.I2.ByteCount(new Shape(long.MaxValue)));
        Assert.Equal(4, DType.F4.ByteCount(new Shape(7)));
        Assert.Equal(4, DType.U4.ByteCount(new Shape(8)));
        Assert.Equal([0L, 1, 1, 1, 1, 2], Enumerable.Range(0, 6).Select(static count => DType.U2.ByteCount(new Shape(count))!.Value));
        Assert.Null(DType.F6E2M3.ByteCount(new Shape(2, 3)));
        Assert.Equal(9, DType.F6E2M3.ByteCount(new Shape(4, 3)));
        Assert.Equal(0, DType.F6E3M2.ByteCount(new Shape(0)));
        Assert.Null(DType.F6E3M2.ByteCount(Shape.Scalar));
        Assert.Equal(1, DType.F4.ByteCount(Shape.Scalar));
    }

    [Fact]
    public void ByteCount_of_a_quantised_type_is_of_whole_blocks_in_every_row()
    {
        Assert.Equal(5 * 2 * 34, DType.Q8_0.ByteCount(new Shape(5, 64)));
        Assert.Equal(0, DType.Q8_0.ByteCount(new Shape(0, 32)));
        Assert.Null(DType.Q8_0.ByteCount(new Shape(64, 5)));
        Assert.Null(DType.Q8_0.ByteCount(new Shape(2, 16)));
        Assert.Null(DType.Q8_0.ByteCount(Shape.Scalar));
    }

    [Fact]
    public void Types_of_several_elements_to_a_byte_pad_the_last_one() =>
        Assert.Equal(["F4", "I2", "I4", "U2", "U4"], DType.All.Where(static dtype => dtype.PadsLastBlock).Select(static dtype => dtype.Name));

    [Fact]
    public void A_tensor_has_just_the_bytes_that_it_needs()
    {
        Assert.Equal(3, new Tensor("t", DType.I4, new Shape(5), new MemoryBytes(new byte[3])).Bytes.Length);
        Assert.Throws<ArgumentException>(static () => new Tensor("t", DType.I4, new Shape(5), new MemoryBytes(new byte[2])));
        Assert.Throws<ArgumentException>(static () => new Tensor("t", DType.I4, new Shape(6), new MemoryBytes(new byte[4])));
        Assert.Contains("whole blocks", Assert.Throws<ArgumentException>(static () => new Tensor("t", DType.F6E2M3, new Shape(5), new MemoryBytes(new byte[6]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Spans_that_are_not_the_same_elements_are_refused()
    {
        foreach (DType dtype in DType.All)
        {
            int numbers = dtype.BlockLength * dtype.Components;
            Assert.Throws<ArgumentException>(() => dtype.Decode(new byte[dtype.BlockBytes + 1], new double[numbers]));
            Assert.Throws<ArgumentException>(() => dtype.Decode(new byte[dtype.BlockBytes], new double[numbers + 1]));
            Assert.Throws<ArgumentException>(() => dtype.Encode(new double[numbers], new byte[2 * dtype.BlockBytes]));
            Assert.Throws<ArgumentException>(() => dtype.Encode(new double[numbers - 1], new byte[dtype.BlockBytes]));
        }
    }
}
