using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

    /// <summary>The same of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FifthBits OfLanes(Vector256<byte> levels) => new((levels.AsUInt16() << 3).AsByte().ExtractMostSignificantBits());

    /// <summary>16 or 0 for each of the 32 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<byte> Numbers()
    {
        // The byte that has the bit, to each number of it; then its bit.
        Vector256<byte> bytes = Avx2.Shuffle(Vector256.Create(_bits).AsByte(), Vector256.Create(
            0ul, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303).AsByte());
        Vector256<byte> bit = Vector256.Create(0x8040_2010_0804_0201).AsByte();
        return Vector256.Equals(bytes & bit, bit) & Vector256.Create((byte)16);
    }

    /// <summary>16 or 0.</summary>
    public int Number(int index) => (int)((_bits >> index) & 1) << 4;
}
