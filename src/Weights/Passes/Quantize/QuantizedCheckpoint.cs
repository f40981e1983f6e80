using System.Text.Json.Nodes;

namespace Weights.Passes.Quantize;

/// <summary>A checkpoint in fewer bits, whose tensors are made when they are read.</summary>
/// <param name="Checkpoint">The tensors as they will be.</param>
/// <param name="Tensors">What becomes of each, in order.</param>
public sealed record QuantizedCheckpoint(Checkpoint Checkpoint, IReadOnlyList<QuantizedTensor> Tensors)
{
    /// <summary>What the configuration of the model has to say, under <c>quantization_config</c>; null where libraries need none.</summary>
    public JsonObject? Configuration { get; init; }
}

/// <summary>What became of a tensor.</summary>
/// <param name="Source">As it was.</param>
/// <param name="Type">What its numbers are now, for people.</param>
/// <param name="Parts">The tensors that it is now, one or several.</param>
/// <param name="Reason">Why it is not of the usual type; null where it is.</param>
/// <param name="Errors">What that did to its numbers, measured when they are read; null where it stayed.</param>
public sealed record QuantizedTensor(Tensor Source, string Type, IReadOnlyList<Tensor> Parts, string? Reason, QuantizationErrors? Errors)
{
    /// <summary>Whether it changed.</summary>
    public bool IsChanged => Errors is not null;

    /// <summary>Bytes of all parts.</summary>
    public long Bytes => Parts.Sum(static part => part.Bytes.Length);

    /// <summary>Bits for each number of it.</summary>
    public double BitsPerElement => 8.0 * Bytes / Math.Max(1, Source.Shape.ElementCount);

    /// <summary>A tensor that stays.</summary>
    internal static QuantizedTensor Kept(Tensor tensor, string? reason) => new(tensor, tensor.DType.Name, [tensor], reason, null);
}
