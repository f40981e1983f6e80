using System.Runtime.CompilerServices;

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
internal struct Nibbles
{
    private byte _first;

    /// <summary>The lower 4 bits of 32 levels.</summary>
    public void Pack(ReadOnlySpan<byte> levels)
    {
        for (int index = 0; index < 16; index++)
        {
            this[index] = (byte)((levels[index] & 0xF) | ((levels[index + 16] & 0xF) << 4));
        }
    }

    /// <summary>One of the 32 numbers.</summary>
    public readonly int Number(int index) => index < 16 ? this[index] & 0xF : this[index - 16] >> 4;
}
