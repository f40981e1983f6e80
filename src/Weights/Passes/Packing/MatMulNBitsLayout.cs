using System.Numerics;
using System.Text.Json.Nodes;
using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>
/// Matrices by which a graph multiplies as they are packed (ONNX Runtime's <c>MatMulNBits</c>): tensors are those that the dialect of that name reads, of 4 or 8 bits, in blocks of what goes into a
/// product, the last of which has zeros where there are no more. Names of parts are those of ONNX Runtime's quantiser.
/// </summary>
internal sealed class MatMulNBitsLayout : PackedLayout
{
    private const int UsualBlock = 32;
    private const int LeastBlock = 16;

    public override string Name => "matmulnbits";

    public override IReadOnlyList<PackedScheme> Schemes { get; } = [PackedScheme.Int4, PackedScheme.Int8];

    public override bool IsOfGraph => true;

    internal override bool CutsGroups(WeightUse? use) => true;

    internal override ScaleScope UsualScope(PackedScheme scheme) => ScaleScope.Group(UsualBlock);

    internal override string? Problem(PackingChoice choice) =>
        choice.Scope.IsGroup && choice.Scope.Columns >= LeastBlock && BitOperations.IsPow2(choice.Scope.Columns) ? null : $"{Name} has blocks of a power of two from {LeastBlock} on, not {choice.Scope}";

    internal override string? ReasonToKeep(Tensor tensor, PackingChoice choice, WeightUse? use)
    {
        if (use is null or { Factor: MatrixFactor.None } || tensor.Shape.Rank != 2)
        {
            return "no matrix that a graph does nothing with but multiply by it";
        }
        long inputs = tensor.Shape[IsTurned(use) ? 0 : 1];
        return tensor.Shape.ElementCount == 0 ? "no elements"
            : tensor.DType.BlockLength > 1 ? "no numbers of whole bytes"
            : TooLong(Math.Max(inputs, choice.Scope.Columns));
    }

    internal override IReadOnlyList<Tensor> Pack(PackingSource weight, PackingChoice choice)
    {
        QuantizedValue value = ValueOf(weight, choice);
        (long inputs, long outputs) = (value.Shape[0], value.Shape[1]);
        (int bits, int size) = (choice.Scheme.Bits, choice.Scope.Columns);
        int columns = (int)ScaleGrid.Count(inputs, size);
        IntegerCoder coder = new(bits, !choice.IsAsymmetric, choice.Search, ScaleStorage.Of(weight.ScaleType));
        BlockRecipe recipe = new(_ => coder, weight.ScaleType);
        // Each part reads the weight for itself, so that all can do so in order.
        CodedBlocks Blocks() => ByOutputs(weight).Padded(size).Blocks(size, recipe);
        CodePacking packing = new(bits, Offset: 1 << (bits - 1));
        List<Tensor> parts =
        [
            new(value.Numbers, DType.U8, new Shape(outputs, columns, size * bits / 8), new CodeBytes(Blocks(), packing)),
            new(value.Scales, weight.ScaleType, new Shape(outputs, columns), new BlockScaleBytes(Blocks(), weight.ScaleType)),
        ];
        if (value.ZeroPoints is { } name)
        {
            ZeroPointBytes zeroPoints = new(Blocks(), columns, packing);
            parts.Add(new Tensor(name, DType.U8, new Shape(outputs, zeroPoints.Length / outputs), zeroPoints));
        }
        return parts;
    }

    internal override QuantizedValue ValueOf(PackingSource weight, PackingChoice choice)
    {
        return new QuantizedValue
        {
            Name = weight.Name,
            Kind = QuantizedValueKind.BlockMatrix,
            Numbers = $"{weight.Name}_Q{choice.Scheme.Bits}",
            Scales = weight.Name + "_scales",
            ZeroPoints = choice.IsAsymmetric ? weight.Name + "_zero_points" : null,
            Shape = IsTurned(weight.Use) ? weight.Shape : new Shape(weight.Shape[1], weight.Shape[0]),
            DType = weight.ScaleType,
            BlockSize = choice.Scope.Columns,
            Bits = choice.Scheme.Bits,
        };
    }

    internal override JsonObject? Configuration(IReadOnlyList<(string Name, PackingChoice Choice)> packed, IReadOnlyList<string> kept) => null;
}
