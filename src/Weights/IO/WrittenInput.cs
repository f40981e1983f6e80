namespace Weights.IO;

/// <summary>A file that was written and does not have its name yet; its siblings are those written with it.</summary>
internal sealed class WrittenInput(string path, ByteSource bytes, Func<string, Input?> sibling) : Input(path)
{
    /// <inheritdoc/>
    public override ByteSource Bytes { get; } = bytes;

    /// <inheritdoc/>
    protected override Input? OpenSiblingCore(string name) => sibling(name);
}
