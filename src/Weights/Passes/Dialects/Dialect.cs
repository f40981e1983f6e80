namespace Weights.Passes.Dialects;

/// <summary>A way of packing weights into fewer bits that a library of the Hub has, known by the names, types and shapes of its tensors.</summary>
public abstract class Dialect
{
    private protected Dialect()
    {
    }

    /// <summary>Every dialect.</summary>
    public static IReadOnlyList<Dialect> All { get; } = [new Gptq(), new Awq(), new CompressedTensors(), new BitsAndBytes(), new ScaledFloats(), new ModelOpt(), new MicroscaledExperts(), new GgmlBlocks(), new Qdq(), new MatMulNBits()];

    /// <summary>Those that pack a weight into several tensors: all but types whose blocks hold their scales.</summary>
    public static IReadOnlyList<Dialect> OfSeveralTensors { get; } = [.. All.Where(static dialect => dialect is not GgmlBlocks)];

    /// <summary>Its usual name.</summary>
    public abstract string Name { get; }

    /// <summary>The weights that it packs, in the checkpoint's order.</summary>
    /// <exception cref="WeightFileException">
    /// <see cref="Fault.Corrupt"/>: parts of a weight do not fit together, or one is missing. <see cref="Fault.Unsupported"/>: a layout of it that is not read.
    /// </exception>
    internal abstract IEnumerable<PackedWeight> Find(PackedTensors tensors);

    private protected static WeightFileException Broken(Tensor tensor, string reason) => new(Fault.Corrupt, reason, tensor: tensor.Name);

    private protected static WeightFileException Unread(Tensor tensor, string reason) => new(Fault.Unsupported, reason, tensor: tensor.Name);

    /// <summary>That a part is a matrix with elements, small enough to be addressed by rows and columns.</summary>
    private protected static void RequireMatrix(Tensor tensor)
    {
        if (tensor.Shape.Rank != 2 || tensor.Shape.ElementCount == 0 || tensor.Shape[0] > int.MaxValue / 32 || tensor.Shape[1] > int.MaxValue / 32)
        {
            throw Broken(tensor, $"has shape {tensor.Shape}, where a matrix should be");
        }
    }

    private protected static void RequireType(Tensor tensor, params ReadOnlySpan<DType> types)
    {
        if (!types.Contains(tensor.DType))
        {
            throw Broken(tensor, $"is {tensor.DType}, where {string.Join(" or ", types.ToArray())} should be");
        }
    }

    private protected static void RequireShape(Tensor tensor, string why, params ReadOnlySpan<long> dimensions)
    {
        if (!tensor.Shape.Dimensions.SequenceEqual(dimensions))
        {
            throw Broken(tensor, $"has shape {tensor.Shape}, where {new Shape(dimensions)} should be, as {why}");
        }
    }

    /// <summary>The types of scales, in which products are rounded.</summary>
    private protected static void RequireScaleType(Tensor scales) => RequireType(scales, DType.F16, DType.BF16, DType.F32);

    private protected static string Bits(int bits) => bits == 1 ? "1 bit" : $"{bits} bits";
}
