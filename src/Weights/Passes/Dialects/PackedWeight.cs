namespace Weights.Passes.Dialects;

/// <summary>A weight that a dialect of quantisation packs into several tensors.</summary>
public sealed record PackedWeight
{
    /// <summary>Name of the dialect.</summary>
    public required string Dialect { get; init; }

    /// <summary>How it is packed, after the dialect's name, for people: <c>4 bits, groups of 128</c>.</summary>
    public required string Description { get; init; }

    /// <summary>The tensors that it is made of; they have no use of their own, unless they stay. The weight takes the place of the first.</summary>
    public required IReadOnlyList<Tensor> Parts { get; init; }

    /// <summary>Those of its parts that something else needs, too, and that stay therefore.</summary>
    public IReadOnlyList<Tensor> Staying { get; init; } = [];

    /// <summary>Whether the file says itself what it is made of: then a part may be one of several weights.</summary>
    internal bool IsExplicit { get; init; }

    /// <summary>
    /// The weight under its usual name and in its usual shape, made while it is read, of the element type in which the reference implementation
    /// multiplies, and rounded as it rounds.
    /// </summary>
    public required Tensor Tensor { get; init; }

    /// <summary>The element type that the reference implementation returns.</summary>
    public required DType DType { get; init; }

    /// <summary>What had to be taken for granted; null where the files say everything.</summary>
    public string? Assumption { get; init; }

    /// <summary>How its numbers come about, for whoever packs it otherwise; null where that is not codes in blocks of rows and columns next to each other.</summary>
    internal ScaledCodes? Codes { get; init; }

    /// <summary>For example <c>GPTQ, 4 bits, groups of 128</c>.</summary>
    public override string ToString() => $"{Dialect}, {Description}";
}
