using Weights.IO;

namespace Weights.Passes.Packing;

/// <summary>Rows, each with zeros at its end.</summary>
/// <param name="rows">The rows.</param>
/// <param name="rowBytes">Bytes of one.</param>
/// <param name="paddedBytes">Bytes of one with its zeros.</param>
/// <param name="elementBytes">Bytes of an element.</param>
internal sealed class PaddedRows(ByteSource rows, long rowBytes, long paddedBytes, int elementBytes) : UnitBytes(elementBytes)
{
    private readonly int _elementBytes = elementBytes;

    public override long Length => checked(rows.Length / rowBytes * paddedBytes);

    public override bool ReadsForward => rows.ReadsForward;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        units.Clear();
        for (long offset = first * _elementBytes; !units.IsEmpty;)
        {
            (long row, long within) = Math.DivRem(offset, paddedBytes);
            if (within < rowBytes)
            {
                rows.Read((row * rowBytes) + within, units[..(int)Math.Min(rowBytes - within, units.Length)]);
            }
            int length = (int)Math.Min(paddedBytes - within, units.Length);
            units = units[length..];
            offset += length;
        }
    }
}
