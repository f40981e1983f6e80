namespace Weights.Passes.Dialects;

/// <summary>
/// 8-bit floats in blocks, as DeepSeek-V3 and many since store them.
/// <code>
/// weight            F8_E4M3 [out, in]
/// weight_scale_inv  F32 [out / 128, in / 128]   rounded up; or of other blocks, or one for all
/// </code>
/// weight · scale, as F32, rounded to BF16 in the end; the name notwithstanding, nothing is divided. There may be matrices before the rows, as of experts. The size of a block is what
/// <c>weight_block_size</c> says; else 128 if that fits, or what divides exactly. Source: <c>weight_dequant</c> in https://github.com/deepseek-ai/DeepSeek-V3/blob/main/inference/kernel.py, which
/// <c>fp8_cast_bf16.py</c> calls with BF16 as the type to return.
/// </summary>
internal sealed class ScaledFloats : Dialect
{
    private const string Suffix = "_scale_inv";

    public override string Name => "block FP8";

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach ((Tensor scales, string name) in tensors.Ending(Suffix))
        {
            if (tensors.Wants(name))
            {
                yield return Of(tensors, tensors.Require(name, scales), scales);
            }
        }
    }

    private PackedWeight Of(PackedTensors tensors, Tensor weight, Tensor scales)
    {
        RequireType(weight, DType.F8E4M3, DType.F8E5M2);
        RequireType(scales, DType.F32, DType.BF16, DType.F16, DType.F8E8M0);
        if (weight.Shape.Rank < 2 || weight.Shape.ElementCount == 0)
        {
            throw Broken(weight, $"has shape {weight.Shape}, where a matrix should be");
        }
        ScaleGrid grid = ScaleGrid.Of(scales, weight.Shape, tensors.Config, isBlocks: true);
        long columns = weight.Shape[weight.Shape.Rank - 1];
        ScaledBytes bytes = new(DType.F32)
        {
            Rows = weight.Shape.ElementCount / columns,
            Columns = columns,
            RowsPerMatrix = weight.Shape[weight.Shape.Rank - 2],
            Numbers = new TensorElements(weight),
            Scales = new TensorElements(scales),
            Grid = grid,
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"{weight.DType}, {grid.Description}",
            Parts = [weight, scales],
            Tensor = bytes.Tensor(weight.Name, weight.Shape),
            Codes = weight.DType == DType.F8E4M3 && weight.Shape.Rank == 2 ? bytes.Codes(CodeSet.E4M3, scales.DType) : null,
            DType = DType.BF16,
            Assumption = grid.Assumption,
        };
    }
}
