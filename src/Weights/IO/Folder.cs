using System.Text;

namespace Weights.IO;

/// <summary>A file of a folder that was given in place of a file.</summary>
/// <param name="Folder">Where it is: the folder given, or one in it.</param>
/// <param name="Name">Its name.</param>
public sealed record FolderFile(Folder Folder, string Name);

/// <summary>A folder that was given in place of a file.</summary>
public sealed class Folder
{
    /// <summary>Lists the folder.</summary>
    /// <exception cref="IOException">It cannot be listed.</exception>
    public Folder(string path)
    {
        Path = path;
        try
        {
            Names = [.. Directory.EnumerateFiles(path).Select(static file => System.IO.Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{Printable.Escape(path)}: permission denied", error);
        }
    }

    /// <summary>As the user named it, or as a file in it does; for messages.</summary>
    public string Path { get; }

    /// <summary>Names of the files in it, sorted.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The text of one of its files, without white space around it; null where it has more than <paramref name="limit"/> bytes, or is no text.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public string? ReadText(string name, int limit)
    {
        using FileBytes file = new(System.IO.Path.Combine(Path, name));
        if (file.Length > limit)
        {
            return null;
        }
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        string text = Encoding.UTF8.GetString(bytes).Trim();
        return text.Length == 0 || text.Any(char.IsControl) || text.Contains('\uFFFD') ? null : text;
    }

    /// <summary>The folder of that name in this one; null when there is none.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsafe"/>: the name leaves this folder, or is none.</exception>
    public Folder? Sub(string name)
    {
        if (!Input.IsPlainFileName(name))
        {
            throw new WeightFileException(Fault.Unsafe, $"a file in it names the folder {WeightFileException.Quote(name)}, which is not a plain name; folders are only read from within the folder that names them", Path);
        }
        string path = System.IO.Path.Combine(Path, name);
        return Directory.Exists(path) ? new Folder(path) : null;
    }
}
