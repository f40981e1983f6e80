using System.Runtime.InteropServices;

namespace Weights.DTypes.Quantized;

/// <summary>The highest bits of 32 numbers of 5 bits: bit i is that of number i, in little-endian order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly struct FifthBits
{
    private readonly uint _bits;

    private FifthBits(uint bits) => _bits = bits;

    /// <summary>The fifth bits of 32 levels.</summary>
    public static FifthBits Of(ReadOnlySpan<byte> levels)
    {
        uint bits = 0;
        for (int index = 0; index < 32; index++)
        {
            bits |= ((levels[index] & 0x10u) >> 4) << index;
        }
        return new(bits);
    }

    /// <summary>16 or 0.</summary>
    public int Number(int index) => (int)((_bits >> index) & 1) << 4;
}
