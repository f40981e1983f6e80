using System.Runtime.CompilerServices;

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

    /// <summary>One of the 256 numbers.</summary>
    public readonly int Number(int index) => (this[(index / 128 * 32) + (index % 32)] >> (index % 128 / 32 * 2)) & 3;
}
