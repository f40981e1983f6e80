using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Passes.Packing;

/// <summary>The scales of the blocks of a weight.</summary>
/// <param name="blocks">The blocks.</param>
/// <param name="dtype">The type in which they are stored: F32, F16, BF16, F8_E4M3 or F8_E8M0.</param>
internal sealed class BlockScaleBytes(CodedBlocks blocks, DType dtype) : UnitBytes(dtype.BlockBytes)
{
    private const int Batch = 1 << 14;

    private readonly BlockConversion _store = Conversion.Between(DType.F32, dtype);

    public override long Length => checked(blocks.Count * dtype.BlockBytes);

    public override bool ReadsForward => blocks.ReadsForward;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        float[] scales = ArrayPool<float>.Shared.Rent(Batch);
        try
        {
            while (!units.IsEmpty)
            {
                Span<float> read = scales.AsSpan(0, Math.Min(Batch, units.Length / dtype.BlockBytes));
                blocks.Read(first, [], read, []);
                Span<byte> target = units[..(read.Length * dtype.BlockBytes)];
                _store(MemoryMarshal.AsBytes(read), target);
                first += read.Length;
                units = units[target.Length..];
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(scales);
        }
    }
}
