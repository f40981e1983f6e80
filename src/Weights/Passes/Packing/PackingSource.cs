using Weights.Passes.Dialects;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>A weight to be packed.</summary>
/// <param name="Tensor">Its numbers.</param>
/// <param name="Integers">The integers that it was packed as before, to be kept; null where codes are to be found.</param>
/// <param name="Errors">Is told how far its numbers move.</param>
internal sealed record PackingSource(Tensor Tensor, IntegerGrid? Integers, QuantizationErrors Errors)
{
    /// <summary>How a graph uses it; null where there is none, or it does not say.</summary>
    public WeightUse? Use { get; init; }

    /// <summary>Its name.</summary>
    public string Name => Tensor.Name;

    /// <summary>Rows and columns.</summary>
    public Shape Shape => Tensor.Shape;

    /// <summary>The type of scales, and of products: the weight's own where it has 16 bits.</summary>
    public DType ScaleType => Integers?.ScaleType is { } kept ? kept : Tensor.DType == DType.F16 || Tensor.DType == DType.BF16 ? Tensor.DType : DType.F32;

    /// <summary>Its blocks.</summary>
    /// <param name="length">Numbers of a block.</param>
    /// <param name="recipe">How codes are found, where there are none.</param>
    public CodedBlocks Blocks(int length, BlockRecipe recipe) => Integers is null
        ? FittedBlocks.Of(Tensor, length, recipe, Errors)
        : new TranslatedBlocks(Tensor, Integers, recipe.Result, Errors) { Elements = Tensor.Shape.ElementCount, BlockLength = length };
}
