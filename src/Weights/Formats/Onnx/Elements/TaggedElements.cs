using System.Buffers;
using Weights.IO;

namespace Weights.Formats.Onnx.Elements;

/// <summary>Elements of four or eight bytes that stand each behind its tag, as writers did before numbers were packed.</summary>
/// <param name="run">Where they are.</param>
/// <param name="elementBytes">Bytes of each.</param>
internal sealed class TaggedElements(NumberRun run, int elementBytes) : UnitBytes(elementBytes)
{
    private const int WindowBytes = 64 << 10;

    private readonly int _elementBytes = elementBytes;

    /// <inheritdoc/>
    public override long Length { get; } = run.Values.Length / (run.TagBytes + elementBytes) * elementBytes;

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        int stride = run.TagBytes + _elementBytes;
        int perWindow = WindowBytes / stride;
        byte[] window = ArrayPool<byte>.Shared.Rent(perWindow * stride);
        try
        {
            while (!units.IsEmpty)
            {
                int count = Math.Min(perWindow, units.Length / _elementBytes);
                run.Values.Read(first * stride, window.AsSpan(0, count * stride));
                for (int index = 0; index < count; index++)
                {
                    window.AsSpan((index * stride) + run.TagBytes, _elementBytes).CopyTo(units[(index * _elementBytes)..]);
                }
                first += count;
                units = units[(count * _elementBytes)..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }
}
