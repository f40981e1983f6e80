using Weights.IO;
using Weights.Passes.Dialects;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>A weight to be packed.</summary>
/// <param name="Tensor">Its numbers.</param>
/// <param name="Codes">How its numbers come of codes and scales, which are to be kept; null where these are to be found.</param>
/// <param name="Errors">Is told how far its numbers move.</param>
internal sealed record PackingSource(Tensor Tensor, ScaledCodes? Codes, QuantizationErrors Errors)
{
    /// <summary>How a graph uses it; null where there is none, or it does not say.</summary>
    public WeightUse? Use { get; init; }

    /// <summary>Keeps scales that are found; null where they are not kept.</summary>
    public KeptScales? Kept { get; init; }

    /// <summary>Zeros at the end of each row that are none of its numbers.</summary>
    public long Padding { get; init; }

    /// <summary>Its name.</summary>
    public string Name => Tensor.Name;

    /// <summary>Rows and columns.</summary>
    public Shape Shape => Tensor.Shape;

    /// <summary>The type of scales, and of products: what it was, as far as it was one of floats; else the weight's own where it has 16 bits.</summary>
    public DType ScaleType => Codes?.ScaleType is { BlockBytes: > 1 } kept ? kept : Tensor.DType == DType.F16 || Tensor.DType == DType.BF16 ? Tensor.DType : DType.F32;

    /// <summary>Its blocks.</summary>
    /// <param name="length">Numbers of a block.</param>
    /// <param name="recipe">How codes are found, where there are none.</param>
    public CodedBlocks Blocks(int length, BlockRecipe recipe) => new(this, length, recipe);

    /// <summary>The same with a scale for each block of rows and columns, if it has none yet.</summary>
    public PackingSource InBlocks(ScaleScope scope, BlockCoder coder) => Codes is null ? this with { Codes = BlockScales.Fit(this, scope, coder) } : this;

    /// <summary>The same in rows of whole blocks.</summary>
    public PackingSource Padded(int length)
    {
        (long columns, int size) = (Shape[1], Tensor.DType.BlockBytes);
        long padded = (columns + length - 1) / length * length;
        return padded == columns ? this : this with
        {
            Tensor = new Tensor(Name, Tensor.DType, new Shape(Shape[0], padded), new PaddedRows(Tensor.Bytes, columns * size, padded * size, size)),
            Codes = Codes is null ? null : Codes with { Columns = padded, BlockColumns = Codes.BlockColumns < columns ? Codes.BlockColumns : padded },
            Padding = padded - columns,
        };
    }

    /// <summary>The same with columns as rows.</summary>
    public PackingSource Turned()
    {
        if (Codes?.Stored is { } stored)
        {
            return this with { Tensor = stored.Weight, Codes = stored.Codes };
        }
        Shape turned = new(Shape[1], Shape[0]);
        ByteSource bytes = StridedBytes.Create(Tensor.Bytes, Tensor.DType.BlockBytes, 0, turned.Dimensions, [1, Shape[1]]);
        return this with { Tensor = new Tensor(Name, Tensor.DType, turned, bytes), Codes = Codes?.Turned() };
    }
}
