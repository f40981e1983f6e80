namespace Weights.IO;

/// <summary>A file on disk.</summary>
public sealed class FileInput : Input
{
    /// <summary>Opens the file.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public FileInput(string path)
        : base(path) => Bytes = Own(new FileBytes(path));

    /// <inheritdoc/>
    public override ByteSource Bytes { get; }

    /// <inheritdoc/>
    protected override Input? OpenSiblingCore(string name)
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path) ?? "", name);
        return File.Exists(path) ? new FileInput(path) : null;
    }
}
