using System.Runtime.InteropServices;

namespace Weights.Passes.Packing;

/// <summary>One F32 that is worked out when it is first read.</summary>
/// <param name="number">Works it out.</param>
internal sealed class NumberBytes(Func<float> number) : ByteSource
{
    private readonly Lazy<float> _number = new(number);

    public override long Length => sizeof(float);

    protected override void ReadCore(long offset, Span<byte> destination)
    {
        float value = _number.Value;
        MemoryMarshal.AsBytes(new ReadOnlySpan<float>(in value)).Slice((int)offset, destination.Length).CopyTo(destination);
    }
}
