namespace Weights.Passes.Dialects;

/// <summary>Blocks of ggml, as GGUF files hold them: one tensor each, whose element type says everything. ggml decodes all of them to F32.</summary>
internal sealed class GgmlBlocks : Dialect
{
    public override string Name => "ggml";

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach (Tensor tensor in tensors.Unexplained)
        {
            if (tensor.DType.Kind == DTypeKind.Quantized && tensors.Wants(tensor.Name))
            {
                yield return new PackedWeight
                {
                    Dialect = Name,
                    Description = tensor.DType.Name,
                    Parts = [tensor],
                    Tensor = new Tensor(tensor.Name, DType.F32, tensor.Shape, CastBytes.Create(tensor, DType.F32)),
                    DType = DType.F32,
                    Codes = ScaledBlocks.Find(tensor.DType)?.Codes(tensor),
                };
            }
        }
    }
}
