namespace Weights.Formats.Onnx.Elements;

/// <summary>Packed elements whose last byte is partly filled, with zeros in its unused bits whatever the file has there.</summary>
/// <param name="bytes">What the file has.</param>
/// <param name="usedBits">How many bits of the last byte are used.</param>
internal sealed class ClearedTail(ByteSource bytes, int usedBits) : ByteSource
{
    /// <inheritdoc/>
    public override long Length => bytes.Length;

    /// <inheritdoc/>
    public override bool ReadsForward => bytes.ReadsForward;

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination)
    {
        bytes.Read(offset, destination);
        if (offset + destination.Length == Length)
        {
            destination[^1] &= (byte)((1 << usedBits) - 1);
        }
    }
}
