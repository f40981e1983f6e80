using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>
/// Weights that a node of a graph makes of smaller numbers (ONNX's <c>DequantizeLinear</c>).
/// <code>
/// numbers      integers of 2 to 32 bits, 8-bit floats or E2M1, in the shape of the weight
/// scales       F32, F16 or BF16: one; [channels], along an axis; or in the shape of the weight, with blocks along an axis
/// zero points  of the type of the numbers, in the shape of the scales; optional
/// </code>
/// (number − zero point) · scale: the difference is exact, the product is one of floats, rounded once to the type of the scales, as ONNX Runtime's kernels do (F16 too).
/// Source: https://github.com/onnx/onnx/blob/main/docs/Operators.md#DequantizeLinear.
/// </summary>
internal sealed class Qdq() : GraphDialect(QuantizedValueKind.Linear)
{
    public override string Name => "QDQ";

    protected override PackedWeight Unpack(QuantizedValue value, PackedTensors tensors)
    {
        (Tensor numbers, Tensor scales) = (tensors.Find(value.Numbers)!, tensors.Find(value.Scales)!);
        Tensor? zeroPoints = value.ZeroPoints is { } name ? tensors.Find(name) : null;
        RequireType(numbers, DType.I8, DType.U8, DType.I16, DType.U16, DType.I32, DType.I4, DType.U4, DType.I2, DType.U2, DType.F8E4M3, DType.F8E5M2, DType.F8E4M3FNUZ, DType.F8E5M2FNUZ, DType.F4);
        RequireType(scales, DType.F32, DType.F16, DType.BF16, DType.F8E8M0);
        if (value.DType != DType.F32 && value.DType != DType.F16 && value.DType != DType.BF16)
        {
            throw Unread(numbers, $"is made into {value.DType} by its node, and only F32, F16 and BF16 are made here");
        }
        int? axis = Axis(value, numbers, scales);
        if (zeroPoints is not null)
        {
            RequireType(zeroPoints, numbers.DType);
            if (!(IsOne(scales) && IsOne(zeroPoints)))
            {
                RequireShape(zeroPoints, "the scales have that", scales.Shape.Dimensions);
            }
        }
        return Unpack(value, numbers, scales, zeroPoints, axis);
    }

    private PackedWeight Unpack(QuantizedValue value, Tensor numbers, Tensor scales, Tensor? zeroPoints, int? axis)
    {
        if (numbers.Shape.ElementCount == 0)
        {
            return Weight(value, $"{numbers.DType}, no elements", new Tensor(value.Name, value.DType, numbers.Shape, new MemoryBytes(ReadOnlyMemory<byte>.Empty)));
        }
        (ScaleGrid grid, long rows, long columns, long rowsPerMatrix) = ScaleGrid.Along(numbers.Shape, axis, axis is null ? 0 : value.BlockSize);
        ScaledBytes bytes = new(value.DType)
        {
            Rows = rows,
            Columns = columns,
            RowsPerMatrix = rowsPerMatrix,
            Numbers = Elements.Of(numbers),
            Scales = Elements.Of(scales),
            ZeroPoints = zeroPoints is null ? null : Elements.Of(zeroPoints),
            Grid = grid,
        };
        PackedWeight weight = Weight(value, $"{numbers.DType}, {grid.Description}{(zeroPoints is null ? "" : ", zero points")}", bytes.Tensor(value.Name, numbers.Shape));
        return weight with { Codes = Codes(bytes, numbers, zeroPoints) };
    }

    // As a matrix; of integers without a sign, half of their range less.
    private static ScaledCodes? Codes(ScaledBytes bytes, Tensor numbers, Tensor? zeroPoints)
    {
        DType dtype = numbers.DType;
        bool isSigned = dtype == DType.I8 || dtype == DType.I4 || dtype == DType.I2;
        bool isInteger = isSigned || dtype == DType.U8 || dtype == DType.U4 || dtype == DType.U2;
        if (!isInteger && (dtype != DType.F8E4M3 || zeroPoints is not null))
        {
            return null;
        }
        ScaledCodes? codes = bytes.Codes(isInteger ? CodeSet.Integers : CodeSet.E4M3);
        if (codes is { Rows: 1, GridColumns: 1 })
        {
            long rows = numbers.Shape.Rank == 0 ? 1 : numbers.Shape[0];
            long columns = numbers.Shape.ElementCount / rows;
            codes = codes with { Rows = rows, Columns = columns, BlockRows = rows, BlockColumns = columns };
        }
        int bits = 8 / dtype.BlockLength;
        float half = 1 << (bits - 1);
        return codes is null ? null : codes with
        {
            Bits = isInteger ? bits : 0,
            ZeroPoints = !isInteger || isSigned ? codes.ZeroPoints
                : codes.ZeroPoints is { } known ? new ChangedElements(known, zeroPoint => zeroPoint - half)
                : new ChangedElements(codes.Scales, _ => -half),
        };
    }

    private static bool IsOne(Tensor tensor) => tensor.Shape.Rank <= 1 && tensor.Shape.ElementCount == 1;

    // The axis along which scales differ, if they do.
    private static int? Axis(QuantizedValue value, Tensor numbers, Tensor scales)
    {
        int rank = numbers.Shape.Rank;
        if (value.BlockSize < 0)
        {
            throw Broken(numbers, $"is in blocks of {value.BlockSize} by its node, and there are none such");
        }
        if (IsOne(scales))
        {
            return null;
        }
        if (value.Axis < -rank || value.Axis >= rank)
        {
            throw Broken(numbers, $"has scales along axis {value.Axis} by its node, and its shape is {numbers.Shape}");
        }
        int axis = (int)(value.Axis < 0 ? value.Axis + rank : value.Axis);
        long[] expected = numbers.Shape.Dimensions.ToArray();
        if (value.BlockSize > 0)
        {
            expected[axis] = (expected[axis] / value.BlockSize) + (expected[axis] % value.BlockSize > 0 ? 1 : 0);
            RequireShape(scales, $"there are blocks of {value.BlockSize} along axis {axis} of {numbers.Shape}", expected);
        }
        else
        {
            RequireShape(scales, $"there is one for each step along axis {axis} of {numbers.Shape}", expected[axis]);
        }
        return axis;
    }
}
