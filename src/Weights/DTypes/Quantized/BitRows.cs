using System.Runtime.CompilerServices;

namespace Weights.DTypes.Quantized;

/// <summary>256 bits: bit i of byte j is that of number 32 · i + j.</summary>
[InlineArray(32)]
internal struct BitRows
{
    private byte _first;

    /// <summary>Bit <paramref name="bit"/> of each of 256 levels.</summary>
    public void Pack(ReadOnlySpan<byte> levels, int bit)
    {
        for (int index = 0; index < 32; index++)
        {
            int bits = 0;
            for (int row = 0; row < 8; row++)
            {
                bits |= ((levels[(row * 32) + index] >> bit) & 1) << row;
            }
            this[index] = (byte)bits;
        }
    }

    /// <summary>The bit of one of the 256 numbers, 0 or 1.</summary>
    public readonly int Number(int index) => (this[index % 32] >> (index / 32)) & 1;
}
