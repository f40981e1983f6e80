using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;
using Weights.Passes.Dialects;
using Weights.Passes.Diff;

namespace Weights.Passes.Quantize;

/// <summary>Blocks that hold a weight as it was, which is checked: they are decoded while they are read, and compared with it.</summary>
/// <param name="blocks">The blocks.</param>
/// <param name="dtype">Their type.</param>
/// <param name="weight">The weight.</param>
/// <param name="errors">Is told how far the numbers moved.</param>
internal sealed class ComparedBytes(ByteSource blocks, DType dtype, Tensor weight, QuantizationErrors errors) : UnitBytes(dtype.BlockBytes)
{
    private const int BatchBlocks = 1024;

    private readonly TensorElements _numbers = new(weight);
    private readonly BlockConversion _decode = Conversion.Between(dtype, DType.F32);

    public override long Length => blocks.Length;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        float[] before = ArrayPool<float>.Shared.Rent(BatchBlocks * dtype.BlockLength);
        float[] after = ArrayPool<float>.Shared.Rent(BatchBlocks * dtype.BlockLength);
        DifferenceSums sums = new();
        long start = first;
        blocks.Read(first * dtype.BlockBytes, units);
        while (!units.IsEmpty)
        {
            int count = Math.Min(BatchBlocks, units.Length / dtype.BlockBytes);
            int elements = count * dtype.BlockLength;
            _decode(units[..(count * dtype.BlockBytes)], MemoryMarshal.AsBytes(after.AsSpan(0, elements)));
            _numbers.Read(first * dtype.BlockLength, before.AsSpan(0, elements));
            sums.Add(before.AsSpan(0, elements), after.AsSpan(0, elements), first * dtype.BlockLength, Tolerance.None);
            first += count;
            units = units[(count * dtype.BlockBytes)..];
        }
        ArrayPool<float>.Shared.Return(before);
        ArrayPool<float>.Shared.Return(after);
        errors.Saw(start * dtype.BlockLength, (first - start) * dtype.BlockLength, sums, 0);
    }
}
