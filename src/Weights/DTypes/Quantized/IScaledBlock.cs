namespace Weights.DTypes.Quantized;

/// <summary>A block of numbers that are scales times codes, and nothing else.</summary>
/// <typeparam name="TSelf">The struct itself.</typeparam>
internal interface IScaledBlock<TSelf>
    where TSelf : unmanaged, IScaledBlock<TSelf>
{
    /// <summary>The scales of a block, each of as many numbers.</summary>
    static abstract void ReadScales(in TSelf block, Span<float> scales);

    /// <summary>The block of scales and codes.</summary>
    /// <param name="scales">Such as <see cref="ReadScales"/> gives.</param>
    /// <param name="numbers">All numbers of a block, near to multiples of scales by codes.</param>
    static abstract TSelf Of(ReadOnlySpan<float> scales, ReadOnlySpan<float> numbers);
}
