using System.Buffers;
using System.Runtime.InteropServices;
using Weights.IO;

namespace Weights.Passes.Packing;

/// <summary>
/// The zero points of the groups of a matrix, packed along its rows: a word of 32 bits for as many rows as fit into it and one group of columns, the first row in the lowest bits.
/// </summary>
/// <param name="blocks">The groups, row after row.</param>
/// <param name="groups">Groups of a row.</param>
/// <param name="bits">Bits of a zero point: 4 or 8.</param>
internal sealed class ZeroPointWords(CodedBlocks blocks, int groups, int bits) : UnitBytes(sizeof(uint))
{
    public override long Length => checked((((blocks.Count / groups) + PerWord - 1) / PerWord) * groups * sizeof(uint));

    private int PerWord => 32 / bits;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        Span<uint> words = MemoryMarshal.Cast<byte, uint>(units);
        words.Clear();
        float[] scales = ArrayPool<float>.Shared.Rent(groups);
        sbyte[] zeroPoints = ArrayPool<sbyte>.Shared.Rent(groups);
        try
        {
            long rows = blocks.Count / groups;
            while (!words.IsEmpty)
            {
                (long row, long group) = Math.DivRem(first, groups);
                Span<uint> part = words[..(int)Math.Min(words.Length, groups - group)];
                for (int place = 0; place < PerWord && (row * PerWord) + place < rows; place++)
                {
                    Span<sbyte> read = zeroPoints.AsSpan(0, part.Length);
                    blocks.Read((((row * PerWord) + place) * groups) + group, [], scales.AsSpan(0, part.Length), read);
                    for (int index = 0; index < part.Length; index++)
                    {
                        part[index] |= (uint)(read[index] + (1 << (bits - 1))) << (place * bits);
                    }
                }
                first += part.Length;
                words = words[part.Length..];
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(scales);
            ArrayPool<sbyte>.Shared.Return(zeroPoints);
        }
    }
}
