using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>How 32 levels of a block are packed.</summary>
internal interface ILevels32<TSelf>
    where TSelf : unmanaged, ILevels32<TSelf>
{
    /// <summary>Bits of a level.</summary>
    static abstract int Bits { get; }

    /// <summary>One of the levels.</summary>
    int Number(int index);

    /// <summary>All of them.</summary>
    Vector256<byte> Numbers();

    /// <summary>The lower bits of 32 levels.</summary>
    static abstract TSelf Of(ReadOnlySpan<byte> levels);

    /// <summary>The same from a vector.</summary>
    static abstract TSelf OfLanes(Vector256<byte> levels);
}
