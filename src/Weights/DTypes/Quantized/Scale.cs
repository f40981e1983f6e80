using System.Runtime.CompilerServices;

namespace Weights.DTypes.Quantized;

/// <summary>A block's scale in binary16, as the reference implementation rounds it: half to even, each NaN to the quiet one of its sign.</summary>
internal readonly struct Scale
{
    private readonly ushort _bits;

    private Scale(ushort bits) => _bits = bits;

    /// <summary>The number.</summary>
    public float Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (float)BitConverter.UInt16BitsToHalf(_bits);
    }

    /// <summary>The nearest scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Scale Of(float value) => new(float.IsNaN(value)
        ? (ushort)(0x7E00 | ((BitConverter.SingleToUInt32Bits(value) >> 16) & 0x8000))
        : BitConverter.HalfToUInt16Bits((Half)value));
}
