using Weights.Passes.Dialects;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights dequantize</c> did, for its reports.</summary>
/// <param name="Source">What was read.</param>
/// <param name="Plain">What became of it.</param>
/// <param name="Written">What was written.</param>
internal sealed record DequantizeReport(Checkpoint Source, DequantizedCheckpoint Plain, Conversion Written)
{
    /// <summary>Bytes of all packed weights, with their scales and what else belongs to them.</summary>
    public long BytesBefore => Plain.Weights.Sum(static weight => PackedBytes(weight.Packed));

    /// <summary>Bytes of the same weights now.</summary>
    public long Bytes => Plain.Weights.Sum(static weight => weight.Tensor.Bytes.Length);

    /// <summary>Elements of them.</summary>
    public long Elements => Plain.Weights.Sum(static weight => weight.Tensor.Shape.ElementCount);

    /// <summary>Bytes of a packed weight.</summary>
    public static long PackedBytes(PackedWeight weight) => weight.Parts.Sum(static part => part.Bytes.Length);
}
