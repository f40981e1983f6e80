namespace Weights.DTypes.Quantized;

/// <summary>A block of 32 numbers that are a scale times signed integers.</summary>
/// <typeparam name="TSelf">The struct itself.</typeparam>
internal interface IIntegerBlock<TSelf>
    where TSelf : unmanaged, IIntegerBlock<TSelf>
{
    /// <summary>Bits of an integer: from −2^(bits − 1) up.</summary>
    static abstract int Bits { get; }

    /// <summary>The scale of a block; with its integers, where 32 are asked for.</summary>
    static abstract float Read(in TSelf block, Span<float> integers);

    /// <summary>The block of those.</summary>
    /// <param name="scale">An F16.</param>
    /// <param name="integers">32, each within its bits.</param>
    static abstract TSelf Of(float scale, ReadOnlySpan<float> integers);
}
