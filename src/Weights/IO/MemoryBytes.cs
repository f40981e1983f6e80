namespace Weights.IO;

/// <summary>Bytes that are in memory already: headers, small files, tests.</summary>
public sealed class MemoryBytes(ReadOnlyMemory<byte> bytes) : ByteSource
{
    /// <summary>No bytes.</summary>
    internal static MemoryBytes Empty { get; } = new(ReadOnlyMemory<byte>.Empty);

    /// <inheritdoc/>
    public override long Length => bytes.Length;

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination) => bytes.Span.Slice((int)offset, destination.Length).CopyTo(destination);
}
