using System.Buffers;
using Weights.DTypes;
using Weights.IO;

namespace Weights.Formats.PyTorch.DeepSpeed;

/// <summary>Elements of another type as F32, which is what a consolidated state dict has its buffers in.</summary>
internal sealed class FloatBytes : UnitBytes
{
    private const int BatchElements = 1 << 14;

    private readonly ByteSource _source;
    private readonly int _elementBytes;
    private readonly BlockConversion _convert;

    /// <param name="source">Whole elements.</param>
    /// <param name="dtype">A type of real numbers that is no block.</param>
    public FloatBytes(ByteSource source, DType dtype)
        : base(sizeof(float))
    {
        (_source, _elementBytes, _convert) = (source, dtype.BlockBytes, Conversion.Between(dtype, DType.F32));
        Length = checked(source.Length / _elementBytes * sizeof(float));
    }

    public override long Length { get; }

    public override bool ReadsForward => _source.ReadsForward;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        byte[] elements = ArrayPool<byte>.Shared.Rent(BatchElements * _elementBytes);
        while (!units.IsEmpty)
        {
            int count = Math.Min(units.Length / sizeof(float), BatchElements);
            Span<byte> batch = elements.AsSpan(0, count * _elementBytes);
            _source.Read(first * _elementBytes, batch);
            _convert(batch, units[..(count * sizeof(float))]);
            first += count;
            units = units[(count * sizeof(float))..];
        }
        ArrayPool<byte>.Shared.Return(elements);
    }
}
