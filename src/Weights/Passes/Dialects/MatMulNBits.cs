using System.Runtime.InteropServices;

namespace Weights.Passes.Dialects;

/// <summary>
/// Matrices by which a node of a graph multiplies as they are packed (ONNX Runtime's <c>MatMulNBits</c>).
/// <code>
/// numbers      U8 [out, blocks, block size · bits / 8], integers of 2, 4 or 8 bits without a sign along the inputs, the first in the lowest bits, in whole blocks
/// scales       F32, F16 or BF16 [out, blocks], or the same in one dimension
/// zero points  U8 [out, blocks · bits / 8], packed likewise and each row rounded up to bytes, or of the type of the scales [out, blocks]; 2^(bits − 1) where there are none
/// g_idx        I32 [in], the block of each input; read only where blocks are next to each other
/// </code>
/// The weight is [in, out], as a product has it, of (number − zero point) · scale: a product of floats, rounded once to the type of the scales. Where zero points are of that type, it is
/// number · scale − zero point · scale, each product rounded to a float, as in ONNX Runtime's kernels for CPUs.
/// Source: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits.
/// </summary>
internal sealed class MatMulNBits() : GraphDialect(QuantizedValueKind.BlockMatrix)
{
    private const long LeastBlock = 16;
    private const long LargestBlock = 1 << 30;

    public override string Name => "MatMulNBits";

    protected override PackedWeight Unpack(QuantizedValue value, PackedTensors tensors)
    {
        (Tensor numbers, Tensor scales) = (tensors.Find(value.Numbers)!, tensors.Find(value.Scales)!);
        RequireScaleType(scales);
        DType packed = value.Bits switch
        {
            2 => DType.U2,
            4 => DType.U4,
            8 => DType.U8,
            _ => throw Unread(numbers, $"has numbers of {value.Bits} bits by its node, and only 2, 4 and 8 are read"),
        };
        long size = value.BlockSize;
        if (size < LeastBlock || size > LargestBlock || !long.IsPow2(size))
        {
            throw Broken(numbers, $"is in blocks of {size} by its node, where a power of two from {LeastBlock} on should be");
        }
        (long rows, long columns) = (value.Shape[0], value.Shape[1]);
        if (columns > TurnedBlocks.MostOutputs)
        {
            throw Unread(numbers, $"is of a matrix of {columns:N0} columns, which is more than is read");
        }
        long blocks = ScaleGrid.Count(rows, size);
        RequireType(numbers, DType.U8);
        RequireCount(numbers, (Int128)columns * blocks * (size * value.Bits / 8), $"[{columns}, {blocks}, {size * value.Bits / 8}]", value);
        RequireCount(scales, (Int128)columns * blocks, $"[{columns}, {blocks}]", value);
        RequireOrder(value, tensors, blocks);
        Tensor? zeroPoints = value.ZeroPoints is { } name ? tensors.Find(name) : null;
        TurnedBlocks weight = new(packed, scales.DType)
        {
            Shape = value.Shape,
            BlockSize = (int)size,
            Numbers = numbers.Bytes,
            Scales = Elements.Of(scales),
            ZeroPoints = zeroPoints is null ? null : ZeroPoints(zeroPoints, value, scales, packed, blocks),
            ZeroPoint = 1 << (int)(value.Bits - 1),
            SubtractsProducts = zeroPoints is not null && zeroPoints.DType == scales.DType,
        };
        return Weight(value, $"{Bits((int)value.Bits)}, blocks of {size}{(zeroPoints is null ? "" : ", zero points")}", weight.Tensor(value.Name)) with { Codes = Codes(value, weight, Packed(numbers, packed)) };
    }

    // Signed integers, if zero points are integers.
    private static ScaledCodes? Codes(QuantizedValue value, TurnedBlocks weight, Elements numbers)
    {
        if (weight.SubtractsProducts)
        {
            return null;
        }
        (long rows, long columns) = (weight.Shape[1], weight.Shape[0]);
        long blocks = ScaleGrid.Count(columns, weight.BlockSize);
        ScaledCodes stored = new()
        {
            Set = CodeSet.Integers,
            Bits = (int)value.Bits,
            Rows = rows,
            Columns = columns,
            BlockColumns = weight.BlockSize,
            ScaleType = weight.Result,
            Scales = weight.Scales,
            ZeroPoints = weight.ZeroPoints is { } known ? new ChangedElements(known, zeroPoint => zeroPoint - weight.ZeroPoint) : null,
        };
        ScaledBytes bytes = new(weight.Result)
        {
            Rows = rows,
            Columns = columns,
            Numbers = new RowElements(numbers, columns, blocks * weight.BlockSize),
            Scales = weight.Scales,
            ZeroPoints = weight.ZeroPoints ?? new ChangedElements(weight.Scales, _ => weight.ZeroPoint),
            Grid = new ScaleGrid(rows, blocks, 1, weight.BlockSize) { Description = $"blocks of {weight.BlockSize}" },
        };
        return stored.Turned() with { Stored = (bytes.Tensor(value.Name, new Shape(rows, columns)), stored) };
    }

    // Bytes in which several numbers are.
    private static Elements Packed(Tensor bytes, DType dtype) => Elements.Of(new Tensor(bytes.Name, dtype, new Shape(bytes.Shape.ElementCount * dtype.BlockLength), bytes.Bytes));

    private static Elements ZeroPoints(Tensor zeroPoints, QuantizedValue value, Tensor scales, DType packed, long blocks)
    {
        long columns = value.Shape[1];
        if (zeroPoints.DType == scales.DType)
        {
            RequireCount(zeroPoints, (Int128)columns * blocks, $"[{columns}, {blocks}]", value);
            return Elements.Of(zeroPoints);
        }
        RequireType(zeroPoints, DType.U8, scales.DType);
        long rowBytes = (blocks + packed.BlockLength - 1) / packed.BlockLength;
        RequireCount(zeroPoints, (Int128)columns * rowBytes, $"[{columns}, {rowBytes}]", value);
        long stride = rowBytes * packed.BlockLength;
        return stride == blocks ? Packed(zeroPoints, packed) : new RowElements(Packed(zeroPoints, packed), blocks, stride);
    }

    // The same in fewer dimensions is the same.
    private static void RequireCount(Tensor tensor, Int128 count, string shape, QuantizedValue value)
    {
        if (tensor.Shape.ElementCount != count)
        {
            throw Broken(tensor, $"has shape {tensor.Shape}, where {shape} should be, as the matrix has {value.Shape} and blocks have {value.BlockSize}");
        }
    }

    private static void RequireOrder(QuantizedValue value, PackedTensors tensors, long blocks)
    {
        if (value.Order is null)
        {
            return;
        }
        Tensor order = tensors.Find(value.Order)!;
        RequireType(order, DType.I32);
        if (order.Shape.ElementCount != value.Shape[0] && order.Shape.ElementCount != blocks * value.BlockSize)
        {
            throw Broken(order, $"has shape {order.Shape}, where [{value.Shape[0]}] should be, as the matrix has {value.Shape}");
        }
        if (order.Shape.ElementCount > int.MaxValue / sizeof(int))
        {
            throw Unread(order, $"has {order.Shape.ElementCount} columns, which is more than is read");
        }
        int[] read = new int[order.Shape.ElementCount];
        order.Bytes.Read(0, MemoryMarshal.AsBytes(read.AsSpan()));
        for (int column = 0; column < value.Shape[0]; column++)
        {
            if (read[column] != column / value.BlockSize)
            {
                throw Unread(order, "has inputs in the order of their activations, which is not read for this layout; quantise the model again without it");
            }
        }
    }
}
