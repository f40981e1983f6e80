namespace Weights.Passes.Dialects;

/// <summary>
/// NVFP4 as NVIDIA's Model Optimizer writes it.
/// <code>
/// weight          U8 [out, in / 2]        two E2M1, the first in the lower bits
/// weight_scale    F8_E4M3 [out, in / 16]
/// weight_scale_2  F32 [] or [1]           by which scales are multiplied
/// </code>
/// ComfyUI has the same names and shapes for another order of nibbles and scales; it marks them (<c>comfy_quant</c>, or <c>_quantization_metadata</c>), and they are refused.
/// number · (scale · scale_2), as F32, rounded to BF16 in the end, the type that such models have otherwise.
/// Source: <c>NVFP4QTensor.dequantize</c> in https://github.com/NVIDIA/TensorRT-Model-Optimizer/blob/main/modelopt/torch/quantization/qtensor/nvfp4_tensor.py.
/// </summary>
internal sealed class ModelOpt : Dialect
{
    public override string Name => "ModelOpt";

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach ((Tensor whole, string module) in tensors.Named("weight_scale_2"))
        {
            if (tensors.Wants(module + "weight"))
            {
                yield return Of(tensors, whole, module);
            }
        }
    }

    private PackedWeight Of(PackedTensors tensors, Tensor whole, string module)
    {
        if (tensors.Find(module + "comfy_quant") is not null || tensors.Checkpoint.Metadata["_quantization_metadata"] is not null)
        {
            throw Unread(whole, "is of ComfyUI's NVFP4, whose scales are in the order of a GPU's tiles, and only that of ModelOpt is read, although both have the same names");
        }
        (Tensor packed, Tensor scales) = (tensors.Require(module + "weight", whole), tensors.Require(module + "weight_scale", whole));
        RequireMatrix(packed);
        RequireType(packed, DType.U8);
        RequireType(scales, DType.F8E4M3);
        float factor = CompressedTensors.Single(whole);
        Shape shape = new(packed.Shape[0], packed.Shape[1] * 2);
        ScaleGrid grid = ScaleGrid.Of(scales, shape, tensors.Config).InGroupsOf(16, scales);
        ScaledBytes bytes = new(DType.F32)
        {
            Rows = shape[0],
            Columns = shape[1],
            Numbers = new NibbleElements(packed.Bytes, CompressedTensors.E2M1, isHighFirst: false),
            Scales = new ChangedElements(new TensorElements(scales), scale => scale * factor),
            Grid = grid,
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"NVFP4, {grid.Description}",
            Parts = [packed, scales, whole],
            Tensor = bytes.Tensor(module + "weight", shape),
            Codes = bytes.Codes(CodeSet.Levels, DType.F8E4M3)! with { Levels = CompressedTensors.E2M1, Scales = new TensorElements(scales), Divisor = 1 / factor },
            DType = DType.BF16,
        };
    }
}
