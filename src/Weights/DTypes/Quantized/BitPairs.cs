using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// 256 numbers of 2 bits, 128 to 32 bytes.
/// <code>
/// byte      0 … 31                32 … 63
/// bit 0 1   q₀ … q₃₁              q₁₂₈ … q₁₅₉
/// bit 2 3   q₃₂ … q₆₃             q₁₆₀ … q₁₉₁
/// bit 4 5   q₆₄ … q₉₅             q₁₉₂ … q₂₂₃
/// bit 6 7   q₉₆ … q₁₂₇            q₂₂₄ … q₂₅₅
/// </code>
/// </summary>
[InlineArray(64)]
internal struct BitPairs
{
    private byte _first;

    /// <summary>The lower 2 bits of 256 levels.</summary>
    public void Pack(ReadOnlySpan<byte> levels)
    {
        for (int index = 0; index < 64; index++)
        {
            ReadOnlySpan<byte> quarters = levels[(index + (index / 32 * 96))..];
            this[index] = (byte)((quarters[0] & 3) | ((quarters[32] & 3) << 2) | ((quarters[64] & 3) << 4) | ((quarters[96] & 3) << 6));
        }
    }

    /// <summary>The same of levels below 4, with vectors.</summary>
    public void PackLanes(ReadOnlySpan<byte> levels)
    {
        ref readonly byte first = ref levels[..256][0];
        for (int half = 0; half < 2; half++)
        {
            nuint start = (nuint)half * 128;
            Vector256<ushort> pairs = Vector256.LoadUnsafe(in first, start).AsUInt16()
                | (Vector256.LoadUnsafe(in first, start + 32).AsUInt16() << 2)
                | (Vector256.LoadUnsafe(in first, start + 64).AsUInt16() << 4)
                | (Vector256.LoadUnsafe(in first, start + 96).AsUInt16() << 6);
            pairs.AsByte().StoreUnsafe(ref _first, (nuint)half * 32);
        }
    }

    /// <summary>The 32 numbers of one row, of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<byte> Row(int row) =>
        (Vector256.LoadUnsafe(in _first, (nuint)(row / 4 * 32)).AsUInt16() >>> (row % 4 * 2)).AsByte() & Vector256.Create((byte)3);

    /// <summary>One of the 256 numbers.</summary>
    public readonly int Number(int index) => (this[(index / 128 * 32) + (index % 32)] >> (index % 128 / 32 * 2)) & 3;
}
