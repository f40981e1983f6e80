using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The same with vectors.</summary>
    public void PackLanes(ReadOnlySpan<byte> levels, int bit)
    {
        ref readonly byte first = ref levels[..256][0];
        Vector256<byte> bits = Vector256<byte>.Zero;
        for (int row = 0; row < 8; row++)
        {
            Vector256<byte> one = (Vector256.LoadUnsafe(in first, (nuint)row * 32).AsUInt16() >>> bit).AsByte() & Vector256.Create((byte)1);
            bits |= (one.AsUInt16() << row).AsByte();
        }
        bits.StoreUnsafe(ref _first);
    }

    /// <summary>The bits of the 32 numbers of one row, each 0 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<byte> Row(int row) => (Vector256.LoadUnsafe(in _first).AsUInt16() >>> row).AsByte() & Vector256.Create((byte)1);

    /// <summary>The bit of one of the 256 numbers, 0 or 1.</summary>
    public readonly int Number(int index) => (this[index % 32] >> (index / 32)) & 1;
}
