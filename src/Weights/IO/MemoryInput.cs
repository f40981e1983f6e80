namespace Weights.IO;

/// <summary>A file that is in memory, with siblings that are too.</summary>
public sealed class MemoryInput(string path, ReadOnlyMemory<byte> bytes, IReadOnlyDictionary<string, ReadOnlyMemory<byte>>? siblings = null) : Input(path)
{
    /// <inheritdoc/>
    public override ByteSource Bytes { get; } = new MemoryBytes(bytes);

    /// <inheritdoc/>
    protected override Input? OpenSiblingCore(string name) =>
        siblings is not null && siblings.TryGetValue(name, out ReadOnlyMemory<byte> sibling) ? new MemoryInput(name, sibling, siblings) : null;
}
