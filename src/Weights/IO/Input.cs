using System.Buffers;

namespace Weights.IO;

/// <summary>
/// A file being read, and its siblings: shards and external data that it names. Opening a sibling checks the name, so
/// that no file can make its reader leave the folder. Disposing closes everything opened through it.
/// </summary>
public abstract class Input : IDisposable
{
    private static readonly SearchValues<char> s_pathCharacters = SearchValues.Create("/\\:*?\"<>|");
    private readonly List<IDisposable> _owned = [];
    private readonly List<Input> _opened = [];
    private byte[]? _head;

    /// <summary>An input shown to people as <paramref name="path"/>.</summary>
    protected Input(string path) => Path = path;

    /// <summary>As the user named it; for messages.</summary>
    public string Path { get; }

    /// <summary>Last part of the path.</summary>
    public string FileName => System.IO.Path.GetFileName(Path);

    /// <summary>The file's bytes.</summary>
    public abstract ByteSource Bytes { get; }

    /// <summary>Paths of the files that were opened so far: this one, and those that were opened through it.</summary>
    public IReadOnlyList<string> Paths
    {
        get
        {
            lock (_owned)
            {
                return [Path, .. _opened.SelectMany(static input => input.Paths)];
            }
        }
    }

    /// <summary>First bytes of the file, at most 4096 of them: what <see cref="Formats.Format.Sniff"/> looks at.</summary>
    public ReadOnlySpan<byte> Head
    {
        get
        {
            if (_head is null)
            {
                byte[] head = new byte[Math.Min(4096, Bytes.Length)];
                Bytes.Read(0, head);
                _head = head;
            }
            return _head;
        }
    }

    /// <summary>Opens the file called <paramref name="name"/> beside this one; it is closed with this one.</summary>
    /// <exception cref="WeightFileException">
    /// <see cref="Fault.Unsafe"/>: the name has a folder in it or is none. <see cref="Fault.Corrupt"/>: there is no such file.
    /// </exception>
    public Input OpenSibling(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!IsPlainFileName(name))
        {
            throw new WeightFileException(Fault.Unsafe, $"names the file {WeightFileException.Quote(name)}, which is not a plain file name; files are only read from the folder of the file that names them", Path);
        }
        Input? sibling = OpenSiblingCore(name);
        return sibling is null
            ? throw new WeightFileException(Fault.Corrupt, $"names the file {WeightFileException.Quote(name)}, which is not in its folder; download or copy it there", Path)
            : Opened(sibling);
    }

    /// <summary>Opens the file at <paramref name="path"/>, which begins in this one's folder and goes only down; it is closed with this one.</summary>
    /// <param name="path">Names of folders and of the file, with slashes between them.</param>
    /// <exception cref="WeightFileException">
    /// <see cref="Fault.Unsafe"/>: the path is absolute, leaves the folder or is none. <see cref="Fault.Corrupt"/>: there is no such file.
    /// </exception>
    public Input OpenBelow(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string[] names = [.. path.Split('/').Where(static name => name != ".")];
        if (names is [] || !names.All(IsPlainFileName))
        {
            throw new WeightFileException(Fault.Unsafe, $"names the file {WeightFileException.Quote(path)}, which is not a path below the folder of the file that names it; files are only read from there", Path);
        }
        Input? file = OpenSiblingCore(System.IO.Path.Combine(names));
        return file is null
            ? throw new WeightFileException(Fault.Corrupt, $"names the file {WeightFileException.Quote(path)}, which is not there; download or copy it beside the file that names it", Path)
            : Opened(file);
    }

    /// <summary>Whether a name from a file can be nothing but the name of a file in the same folder, on any system.</summary>
    public static bool IsPlainFileName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..") && !name.AsSpan().ContainsAny(s_pathCharacters)
        && !name.Any(char.IsControl) && !name.EndsWith('.') && !name.EndsWith(' ');

    /// <summary>Has <paramref name="resource"/> disposed with this input.</summary>
    public T Own<T>(T resource)
        where T : IDisposable
    {
        lock (_owned)
        {
            _owned.Add(resource);
        }
        return resource;
    }

    private Input Opened(Input input)
    {
        lock (_owned)
        {
            _opened.Add(input);
        }
        return Own(input);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_owned)
        {
            for (int index = _owned.Count - 1; index >= 0; index--)
            {
                _owned[index].Dispose();
            }
            _owned.Clear();
        }
        GC.SuppressFinalize(this);
    }

    /// <summary>The file of that name, or at that path below the folder, which has been checked; null when there is none.</summary>
    protected abstract Input? OpenSiblingCore(string name);
}
