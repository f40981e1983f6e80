using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// 32 numbers of 5 bits.
/// <code>
/// byte  0 … 3                       4 … 19
///       fifth bits of q₀ … q₃₁      lower four of q₀ … q₃₁ (<see cref="Nibbles"/>)
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct FiveBits : ILevels32<FiveBits>
{
    private readonly FifthBits _high;
    private readonly Nibbles _low;

    private FiveBits(FifthBits high, Nibbles low) => (_high, _low) = (high, low);

    public static int Bits => 5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Number(int index) => _low.Number(index) | _high.Number(index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<byte> Numbers() => _low.Numbers() | _high.Numbers();

    public static FiveBits Of(ReadOnlySpan<byte> levels) => new(FifthBits.Of(levels), Nibbles.Of(levels));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FiveBits OfLanes(Vector256<byte> levels) => new(FifthBits.OfLanes(levels), Nibbles.OfLanes(levels));
}
