namespace Weights.IO;

/// <summary>A part of a file that is a file in itself, such as one of several archives written one after the other. It has no siblings.</summary>
/// <param name="whole">What it is a part of; it stays open until that is closed.</param>
/// <param name="offset">Where it begins.</param>
/// <param name="length">How many bytes it has; all of them are inside <paramref name="whole"/>.</param>
public sealed class PartInput(Input whole, long offset, long length) : Input(whole.Path)
{
    /// <inheritdoc/>
    public override ByteSource Bytes { get; } = whole.Bytes.Slice(offset, length);

    /// <inheritdoc/>
    protected override Input? OpenSiblingCore(string name) => null;
}
