using System.Runtime.CompilerServices;

namespace Weights.DTypes.Quantized;

/// <summary>
/// The scales and minimums of eight sub-blocks, 6 bits each.
/// <code>
/// byte      0 … 3                  4 … 7                  8 … 11
/// bit 0…3   scale 0 … 3            minimum 0 … 3          lower four of scale 4 … 7
/// bit 4 5     (lower six)            (lower six)          lower four of minimum 4 … 7
/// bit 6 7   upper of scale 4 … 7   upper of minimum 4 … 7   (bits 4 … 7)
/// </code>
/// </summary>
[InlineArray(12)]
internal struct SixBitScales
{
    private byte _first;

    /// <summary>Eight scales and eight minimums, each below 64.</summary>
    public void Pack(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> minimums)
    {
        for (int index = 0; index < 4; index++)
        {
            this[index] = (byte)((scales[index] & 63) | (scales[index + 4] >> 4 << 6));
            this[index + 4] = (byte)((minimums[index] & 63) | (minimums[index + 4] >> 4 << 6));
            this[index + 8] = (byte)((scales[index + 4] & 0xF) | ((minimums[index + 4] & 0xF) << 4));
        }
    }

    /// <summary>The scale and minimum of one sub-block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly (int Scale, int Minimum) Of(int subBlock) => subBlock < 4
        ? (this[subBlock] & 63, this[subBlock + 4] & 63)
        : ((this[subBlock + 4] & 0xF) | (this[subBlock - 4] >> 6 << 4), (this[subBlock + 4] >> 4) | (this[subBlock] >> 6 << 4));
}
