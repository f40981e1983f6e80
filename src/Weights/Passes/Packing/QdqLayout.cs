using System.Text.Json.Nodes;
using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>
/// Numbers, scales and zero points of which a graph makes the weight (ONNX's <c>DequantizeLinear</c>). Channels are those of the operators that use it; blocks lie across them, along what
/// goes into a product. Names of parts are those of ONNX Runtime's quantisers.
/// </summary>
internal sealed class QdqLayout : PackedLayout
{
    private const int UsualBlock = 32;

    // Numbers of groups beside each other, which are packed at once.
    private const long MostTogether = 1 << 26;

    public override string Name => "qdq";

    public override IReadOnlyList<PackedScheme> Schemes { get; } = [PackedScheme.Int8, PackedScheme.Int4, PackedScheme.Fp8];

    public override bool IsOfGraph => true;

    internal override ScaleScope UsualScope(PackedScheme scheme) => scheme == PackedScheme.Int4 ? ScaleScope.Group(UsualBlock) : ScaleScope.Channel;

    internal override bool IsTurned(WeightUse? use) => OutputAxis(use) == 1;

    internal override bool CutsGroups(WeightUse? use) => IsTurned(use);

    internal override string? Problem(PackingChoice choice) => choice.Scope.IsBlock ? $"{Name} has a scale per tensor, per channel or groups, not {choice.Scope}" : null;

    internal override string? ReasonToKeep(Tensor tensor, PackingChoice choice, WeightUse? use)
    {
        int axis = OutputAxis(use);
        if (tensor.Shape.ElementCount == 0 || tensor.DType.BlockLength > 1)
        {
            return tensor.Shape.ElementCount == 0 ? "no elements" : "no numbers of whole bytes";
        }
        if (choice.Scope == ScaleScope.Tensor)
        {
            return null;
        }
        if (tensor.Shape.Rank <= axis)
        {
            return "no channels";
        }
        if (choice.Scope.IsGroup)
        {
            if (tensor.Shape.Rank != 2)
            {
                return "no matrix, of which alone blocks are made";
            }
            long inputs = Math.Min(choice.Scope.Columns, tensor.Shape[1 - axis]);
            return !CutsGroups(use) && tensor.Shape[1] % choice.Scope.Columns != 0 ? $"{tensor.Shape[1]:N0} inputs are not whole groups of {choice.Scope.Columns}"
                : TooLong(axis == 0 ? inputs : tensor.Shape[1]) ?? (axis == 1 && inputs * tensor.Shape[1] > MostTogether ? $"groups of {inputs:N0} in {tensor.Shape[1]:N0} columns are more than is packed at once" : null);
        }
        return TooLong(Math.Max(tensor.Shape.ElementCount / tensor.Shape[axis], axis == 0 ? 1 : Columns(tensor.Shape, axis)));
    }

    internal override IReadOnlyList<Tensor> Pack(PackingSource weight, PackingChoice choice)
    {
        DType numbers = choice.Scheme == PackedScheme.Int8 ? DType.I8 : choice.Scheme == PackedScheme.Int4 ? DType.I4 : DType.F8E4M3;
        ScaleStorage storage = ScaleStorage.Of(weight.ScaleType);
        BlockCoder coder = choice.Scheme.IsInteger ? new IntegerCoder(choice.Scheme.Bits, !choice.IsAsymmetric, choice.Search, storage) : new FloatCoder(storage);
        BlockRecipe recipe = new(_ => coder, weight.ScaleType, IsWhole: choice.Scope == ScaleScope.Tensor);
        QuantizedValue value = ValueOf(weight, choice);
        Shape grid = Grid(weight.Shape, choice, value);
        (ByteSource codes, ByteSource scales, ByteSource zeroPoints) = choice.Scope == ScaleScope.Tensor || value.Axis == (choice.Scope.IsGroup ? 1 : 0)
            ? Lying(weight, choice, recipe, grid)
            : Turned(weight, choice, recipe, (int)value.Axis);
        bool isFour = numbers == DType.I4;
        List<Tensor> parts =
        [
            new(value.Numbers, numbers, weight.Shape, isFour ? new NibbleBytes(codes) : codes),
            new(value.Scales, weight.ScaleType, grid, scales),
        ];
        if (value.ZeroPoints is { } name)
        {
            parts.Add(new Tensor(name, numbers, grid, isFour ? new NibbleBytes(zeroPoints) : zeroPoints));
        }
        return parts;
    }

    internal override QuantizedValue ValueOf(PackingSource weight, PackingChoice choice)
    {
        int axis = OutputAxis(weight.Use);
        return new QuantizedValue
        {
            Name = weight.Name,
            Kind = QuantizedValueKind.Linear,
            Numbers = weight.Name + "_quantized",
            Scales = weight.Name + "_scale",
            ZeroPoints = choice.IsAsymmetric ? weight.Name + "_zero_point" : null,
            Shape = weight.Shape,
            DType = weight.ScaleType,
            Axis = choice.Scope == ScaleScope.Tensor ? 0 : choice.Scope.IsGroup ? 1 - axis : axis,
            BlockSize = choice.Scope.IsGroup ? choice.Scope.Columns : 0,
        };
    }

    internal override JsonObject? Configuration(IReadOnlyList<(string Name, PackingChoice Choice)> packed, IReadOnlyList<string> kept) => null;

    // Without a graph, rows are what comes out.
    private static int OutputAxis(WeightUse? use) => use?.OutputAxis ?? 0;

    private static long Columns(Shape shape, int axis)
    {
        long columns = 1;
        foreach (long size in shape.Dimensions[axis..])
        {
            columns *= size;
        }
        return columns;
    }

    private static Shape Grid(Shape shape, PackingChoice choice, QuantizedValue value)
    {
        if (choice.Scope == ScaleScope.Tensor)
        {
            return Shape.Scalar;
        }
        if (!choice.Scope.IsGroup)
        {
            return new Shape(shape[(int)value.Axis]);
        }
        long[] grid = shape.Dimensions.ToArray();
        grid[value.Axis] = ScaleGrid.Count(grid[value.Axis], choice.Scope.Columns);
        return new Shape(grid);
    }

    private static (ByteSource Codes, ByteSource Scales, ByteSource ZeroPoints) Lying(PackingSource weight, PackingChoice choice, BlockRecipe recipe, Shape grid)
    {
        int length = choice.Scope == ScaleScope.Tensor ? WholeBlock : choice.Scope.IsGroup ? choice.Scope.Columns : (int)(weight.Shape.ElementCount / weight.Shape[0]);
        CodedBlocks blocks = weight.Blocks(length, recipe);
        ByteSource scales = new BlockScaleBytes(blocks, weight.ScaleType);
        ByteSource zeroPoints = new ZeroPointBytes(blocks, 1, new CodePacking(8));
        return (new CodeBytes(blocks, new CodePacking(8)), scales.Slice(0, grid.ElementCount * weight.ScaleType.BlockBytes), zeroPoints.Slice(0, grid.ElementCount));
    }

    private static (ByteSource Codes, ByteSource Scales, ByteSource ZeroPoints) Turned(PackingSource weight, PackingChoice choice, BlockRecipe recipe, int axis)
    {
        ColumnBlocks blocks = choice.Scope.IsGroup ? ColumnBlocks.Groups(weight, choice.Scope.Columns, recipe) : ColumnBlocks.Channels(weight, axis, recipe);
        return (blocks.Codes(), blocks.ScaleBytes(weight.ScaleType), blocks.ZeroPoints());
    }
}
