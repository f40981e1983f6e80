using Microsoft.Win32.SafeHandles;

namespace Weights.IO;

/// <summary>
/// A file, read by position: no mapping (first touch of a mapped page costs ten times its copy), no shared cursor.
/// </summary>
public sealed class FileBytes : ByteSource, IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;

    /// <summary>Opens the file.</summary>
    /// <exception cref="IOException">It cannot be opened, or is a pipe or device that has no positions.</exception>
    public FileBytes(string path)
    {
        _path = path;
        // Asked before opening: opening a pipe waits for its other end.
        string? problem = FileKinds.Of(path) switch
        {
            FileKind.Missing => "no such file",
            FileKind.Folder => "is a folder",
            FileKind.Special => "is a pipe or a device, which cannot be read at positions; save it to a file first",
            _ => null,
        };
        if (problem is not null)
        {
            throw new IOException($"{Printable.Escape(path)}: {problem}");
        }
        try
        {
            _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{Printable.Escape(path)}: permission denied", error);
        }
        Length = RandomAccess.GetLength(_handle);
    }

    /// <summary>A file that is open already; disposing this closes it.</summary>
    internal FileBytes(string path, SafeFileHandle handle) => (_path, _handle, Length) = (path, handle, RandomAccess.GetLength(handle));

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(_handle, destination, offset);
            if (read == 0)
            {
                throw new IOException($"{Printable.Escape(_path)}: ends at byte {offset}, but had {Length} bytes when it was opened; it is being changed by somebody else");
            }
            offset += read;
            destination = destination[read..];
        }
    }
}
