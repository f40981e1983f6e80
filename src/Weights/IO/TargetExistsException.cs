namespace Weights.IO;

/// <summary>The file to be written is there already and nobody said that it may be replaced.</summary>
public sealed class TargetExistsException(string path) : IOException($"{Printable.Escape(path)}: exists already")
{
    /// <summary>The file that is there.</summary>
    public string Path { get; } = path;
}
