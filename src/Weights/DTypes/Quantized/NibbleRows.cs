using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// 256 numbers of 4 bits, 64 to 32 bytes.
/// <code>
/// byte      0 … 31            32 … 63            64 … 95             96 … 127
/// bit 0…3   q₀ … q₃₁          q₆₄ … q₉₅          q₁₂₈ … q₁₅₉         q₁₉₂ … q₂₂₃
/// bit 4…7   q₃₂ … q₆₃         q₉₆ … q₁₂₇         q₁₆₀ … q₁₉₁         q₂₂₄ … q₂₅₅
/// </code>
/// </summary>
[InlineArray(128)]
internal struct NibbleRows
{
    private byte _first;

    /// <summary>The lower 4 bits of 256 levels.</summary>
    public void Pack(ReadOnlySpan<byte> levels)
    {
        for (int index = 0; index < 128; index++)
        {
            int low = index + (index / 32 * 32);
            this[index] = (byte)((levels[low] & 0xF) | ((levels[low + 32] & 0xF) << 4));
        }
    }

    /// <summary>The same with vectors.</summary>
    public void PackLanes(ReadOnlySpan<byte> levels)
    {
        ref readonly byte first = ref levels[..256][0];
        Vector256<byte> low = Vector256.Create((byte)0xF);
        for (nuint index = 0; index < 128; index += 32)
        {
            Vector256<byte> lower = Vector256.LoadUnsafe(in first, 2 * index) & low;
            Vector256<byte> upper = Vector256.LoadUnsafe(in first, (2 * index) + 32) & low;
            (lower | (upper.AsUInt16() << 4).AsByte()).StoreUnsafe(ref _first, index);
        }
    }

    /// <summary>The 32 numbers of one row, of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<byte> Row(int row) =>
        (Vector256.LoadUnsafe(in _first, (nuint)(row / 2 * 32)).AsUInt16() >>> (row % 2 * 4)).AsByte() & Vector256.Create((byte)0xF);

    /// <summary>One of the 256 numbers.</summary>
    public readonly int Number(int index) => (this[(index / 64 * 32) + (index % 32)] >> (index % 64 / 32 * 4)) & 0xF;
}
