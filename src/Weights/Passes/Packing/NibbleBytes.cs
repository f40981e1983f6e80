using System.Buffers;
using Weights.IO;

namespace Weights.Passes.Packing;

/// <summary>Codes of 4 bits, two to a byte, the first in the lower bits.</summary>
/// <param name="codes">A byte for each code, of which the lower four bits count.</param>
internal sealed class NibbleBytes(ByteSource codes) : UnitBytes(1)
{
    private const int Batch = 1 << 15;

    public override long Length => (codes.Length + 1) / 2;

    public override bool ReadsForward => codes.ReadsForward;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(2 * Batch);
        try
        {
            while (!units.IsEmpty)
            {
                Span<byte> target = units[..Math.Min(Batch, units.Length)];
                Span<byte> read = buffer.AsSpan(0, (int)Math.Min(2 * target.Length, codes.Length - (2 * first)));
                codes.Read(2 * first, read);
                new CodePacking(4).Pack(read, target);
                first += target.Length;
                units = units[target.Length..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
