using System.Buffers;
using System.Runtime.InteropServices;
using Weights.IO;

namespace Weights.Passes.Packing;

/// <summary>The zero points of the blocks of a weight, packed within each row of blocks.</summary>
/// <param name="blocks">The blocks, row after row.</param>
/// <param name="columns">Blocks of a row.</param>
/// <param name="packing">How they are packed, each row in whole bytes.</param>
internal sealed class ZeroPointBytes(CodedBlocks blocks, int columns, CodePacking packing) : UnitBytes(packing.Bytes(columns))
{
    private const int BatchBlocks = 1 << 14;

    public override long Length => checked(blocks.Count / columns * packing.Bytes(columns));

    public override bool ReadsForward => blocks.ReadsForward;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        int rowBytes = packing.Bytes(columns);
        int most = Math.Max(1, BatchBlocks / columns);
        float[] scales = ArrayPool<float>.Shared.Rent(most * columns);
        sbyte[] zeroPoints = ArrayPool<sbyte>.Shared.Rent(most * columns);
        try
        {
            while (!units.IsEmpty)
            {
                int rows = Math.Min(most, units.Length / rowBytes);
                blocks.Read(first * columns, [], scales.AsSpan(0, rows * columns), zeroPoints.AsSpan(0, rows * columns));
                for (int row = 0; row < rows; row++)
                {
                    packing.Pack(MemoryMarshal.AsBytes(zeroPoints.AsSpan(row * columns, columns)), units.Slice(row * rowBytes, rowBytes));
                }
                units = units[(rows * rowBytes)..];
                first += rows;
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(scales);
            ArrayPool<sbyte>.Shared.Return(zeroPoints);
        }
    }
}
