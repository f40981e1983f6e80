using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// 32 numbers of 4 bits: half of them in the low nibbles, half in the high ones.
/// <code>
/// byte      0         …   15
/// bit 0…3   q₀        …   q₁₅
/// bit 4…7   q₁₆       …   q₃₁
/// </code>
/// </summary>
[InlineArray(16)]
internal struct Nibbles : ILevels32<Nibbles>
{
    private byte _first;

    public static int Bits => 4;

    /// <summary>The lower 4 bits of 32 levels.</summary>
    public static Nibbles Of(ReadOnlySpan<byte> levels)
    {
        Nibbles nibbles = default;
        for (int index = 0; index < 16; index++)
        {
            nibbles[index] = (byte)((levels[index] & 0xF) | ((levels[index + 16] & 0xF) << 4));
        }
        return nibbles;
    }

    /// <summary>The same from a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Nibbles OfLanes(Vector256<byte> levels)
    {
        Vector256<byte> low = levels & Vector256.Create((byte)0xF);
        return Unsafe.BitCast<Vector128<byte>, Nibbles>(low.GetLower() | (low.GetUpper().AsUInt16() << 4).AsByte());
    }

    /// <summary>All 32 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<byte> Numbers()
    {
        Vector128<byte> pairs = Vector128.LoadUnsafe(in _first);
        return Vector256.Create(pairs, (pairs.AsUInt16() >>> 4).AsByte()) & Vector256.Create((byte)0xF);
    }

    /// <summary>One of the 32 numbers.</summary>
    public readonly int Number(int index) => index < 16 ? this[index] & 0xF : this[index - 16] >> 4;
}
