namespace Weights;

/// <summary>How a <see cref="QuantizedValue"/> is computed.</summary>
public enum QuantizedValueKind
{
    /// <summary>
    /// (number − zero point) · scale, for each element of the numbers, which have the shape of the value: one scale, one for each step along an axis, or one for each block along it.
    /// </summary>
    Linear,

    /// <summary>
    /// The second factor of a matrix product, [in, out], of numbers that lie the other way round, [out, blocks, bytes of a block], in whole blocks along the inputs; each block has a scale.
    /// Integers without a sign; without zero points half of their range is subtracted.
    /// </summary>
    BlockMatrix,
}

/// <summary>A value of a file's computation that is made of tensors of the checkpoint: a weight that is stored in smaller numbers.</summary>
public sealed record QuantizedValue
{
    /// <summary>Name of the weight. No tensor of the checkpoint has it, until one takes the place of the parts.</summary>
    public required string Name { get; init; }

    /// <summary>How it is computed.</summary>
    public required QuantizedValueKind Kind { get; init; }

    /// <summary>Name of the tensor of its numbers.</summary>
    public required string Numbers { get; init; }

    /// <summary>Name of the tensor of its scales.</summary>
    public required string Scales { get; init; }

    /// <summary>Name of the tensor of its zero points; null where it has none.</summary>
    public string? ZeroPoints { get; init; }

    /// <summary>Name of the tensor that says which block each input belongs to (<c>g_idx</c>); null where they are next to each other.</summary>
    public string? Order { get; init; }

    /// <summary>Shape of the weight.</summary>
    public required Shape Shape { get; init; }

    /// <summary>Element type of the weight.</summary>
    public required DType DType { get; init; }

    /// <summary>The axis along which scales differ, as the file says it: negative ones count from the last. Means nothing where there is one scale.</summary>
    public long Axis { get; init; }

    /// <summary>Elements of a block along the axis; 0 where the axis is not cut into blocks.</summary>
    public long BlockSize { get; init; }

    /// <summary>Bits of a number of a <see cref="QuantizedValueKind.BlockMatrix"/>; of others the element type of the numbers says it.</summary>
    public long Bits { get; init; }

    /// <summary>Names of those of its tensors that something else than quantised values needs, too.</summary>
    public IReadOnlyList<string> Shared { get; init; } = [];

    /// <summary>Names of the tensors that it is made of.</summary>
    public IEnumerable<string> Parts => new[] { Numbers, Scales, ZeroPoints, Order }.OfType<string>();

    /// <summary>The same value, of tensors under other names; null where one of them has none any more.</summary>
    internal QuantizedValue? WithParts(Func<string, string?> newName) => Parts.Any(part => newName(part) is null) ? null : this with
    {
        Numbers = newName(Numbers)!,
        Scales = newName(Scales)!,
        ZeroPoints = ZeroPoints is null ? null : newName(ZeroPoints),
        Order = Order is null ? null : newName(Order),
        Shared = [.. Shared.Select(newName).OfType<string>()],
    };

    /// <summary>Whether both are computed in the same way from tensors of the same names.</summary>
    internal bool IsComputedAs(QuantizedValue other) =>
        (Kind, Numbers, Scales, ZeroPoints, Order, Axis, BlockSize, Bits) == (other.Kind, other.Numbers, other.Scales, other.ZeroPoints, other.Order, other.Axis, other.BlockSize, other.Bits);
}
