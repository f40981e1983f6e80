using Microsoft.Win32.SafeHandles;

namespace Weights.IO;

/// <summary>
/// Files being written: each under a temporary name beside its target, all renamed together by <see cref="Commit"/>. A
/// file has its final name only when it is complete; what a killed run left behind is removed by the next run for the same target.
/// </summary>
public sealed class Output : IDisposable
{
    private const int LongestName = 255;

    private readonly string _folder;
    private readonly bool _replace;
    private readonly List<(string Temporary, string Target, SafeFileHandle Handle)> _files = [];

    /// <summary>Prepares to write <paramref name="path"/>; nothing is created yet.</summary>
    /// <param name="path">The file to write; what belongs to it (shards) goes beside it.</param>
    /// <param name="replace">Whether files that are there already may be replaced.</param>
    /// <exception cref="TargetExistsException">It is there and may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be written: a folder, a device, or in a folder that is not there.</exception>
    public Output(string path, bool replace)
    {
        Path = path;
        _replace = replace;
        _folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) ?? "";
        if (FileName.Length == 0)
        {
            throw new IOException($"{Printable.Escape(path)}: is a folder; name the file to write in it");
        }
        if (!Directory.Exists(_folder))
        {
            throw new IOException($"{Printable.Escape(path)}: its folder does not exist; create it first");
        }
        CheckTarget(path);
    }

    /// <summary>The file to write, as the user named it.</summary>
    public string Path { get; }

    /// <summary>Last part of the path.</summary>
    public string FileName => System.IO.Path.GetFileName(Path);

    /// <summary>Ends the copying early, with <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Is told, from any thread, how many bytes the last copied chunk had.</summary>
    public Action<int>? Copied { get; init; }

    /// <summary>Finds out, without touching anything, whether the files may be written.</summary>
    /// <exception cref="TargetExistsException">One is there and may not be replaced.</exception>
    /// <exception cref="IOException">One is a folder or a device.</exception>
    public void Check(IReadOnlyList<FileLayout> layouts)
    {
        ArgumentNullException.ThrowIfNull(layouts);
        foreach (FileLayout layout in layouts)
        {
            CheckTarget(Target(layout.Name));
        }
    }

    /// <summary>Writes the files under temporary names.</summary>
    /// <exception cref="TargetExistsException">One is there and may not be replaced.</exception>
    /// <exception cref="IOException">The disk is full, the folder is read-only, another process is writing the same target.</exception>
    /// <exception cref="WeightFileException">The bytes of a tensor could not be read as its file describes them.</exception>
    public void Write(IReadOnlyList<FileLayout> layouts)
    {
        Check(layouts);
        RemoveDebris();
        foreach (FileLayout layout in layouts)
        {
            SafeFileHandle handle = Create(layout.Name, layout.Length);
            try
            {
                SegmentCopy copy = new(handle, layout.Segments, Copied, Cancellation);
                Task alongside = layout.Alongside is { } work ? Task.Run(() => work(Cancellation)) : Task.CompletedTask;
                IReadOnlyList<uint> checksums;
                try
                {
                    // A third thread on two processors would only be in the way of the others.
                    checksums = copy.Run(layout.Alongside is null ? Environment.ProcessorCount : Math.Max(1, Environment.ProcessorCount - 1));
                }
                finally
                {
                    alongside.Wait(CancellationToken.None); // It ends by itself when cancelled.
                }
                if (layout.Finish is not null)
                {
                    new SegmentCopy(handle, [.. layout.Finish(checksums)], Copied, Cancellation).Run(Environment.ProcessorCount);
                }
            }
            catch (IOException error) when (error is not TargetExistsException && Names(error, _files[^1].Temporary))
            {
                throw Explained(error, layout.Name, $"{layout.Length:N0} bytes");
            }
        }
    }

    /// <summary>Writes one file, whose length is not known beforehand, under a temporary name.</summary>
    /// <param name="write">Writes all of it; may go back to where it has been.</param>
    /// <exception cref="IOException">The disk is full, the folder is read-only, another process is writing the same target.</exception>
    public void Write(Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        RemoveDebris();
        SafeFileHandle handle = Create(FileName, 0);
        // Closing it would close the handle, which Commit and Dispose do.
        FileStream stream = new(handle, FileAccess.ReadWrite, bufferSize: 0);
        try
        {
            write(stream);
        }
        catch (IOException error) when (Names(error, _files[^1].Temporary))
        {
            throw Explained(error, FileName, $"more than {stream.Position:N0} bytes");
        }
    }

    /// <summary>What was written last, and what names the other files, before <see cref="Commit"/>: to be read again, so that nothing gets its final name which is not as it should be.</summary>
    public Input OpenWritten() => OpenWritten(_files.Count - 1);

    /// <summary>Gives every file its final name, in the order they were written; what names the others comes last.</summary>
    public void Commit()
    {
        foreach ((_, _, SafeFileHandle handle) in _files)
        {
            handle.Dispose();
        }
        while (_files.Count > 0)
        {
            (string temporary, string target, _) = _files[0];
            try
            {
                File.Move(temporary, target, _replace);
            }
            catch (IOException) when (!_replace && File.Exists(target))
            {
                throw new TargetExistsException(target);
            }
            _files.RemoveAt(0);
        }
    }

    /// <summary>Removes what was not committed.</summary>
    public void Dispose()
    {
        foreach ((string temporary, _, SafeFileHandle handle) in _files)
        {
            handle.Dispose();
            File.Delete(temporary);
        }
        _files.Clear();
    }

    private string Target(string name) => name == FileName ? Path : System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path) ?? "", name);

    private void CheckTarget(string path)
    {
        string name = System.IO.Path.GetFileName(path);
        if (System.Text.Encoding.UTF8.GetByteCount(name) > LongestName)
        {
            throw new IOException($"{WeightFileException.Quote(name)}: a name of more than {LongestName} bytes, which file systems do not hold; choose a shorter one");
        }
        switch (FileKinds.Of(path))
        {
            case FileKind.Missing:
                return;
            case FileKind.Special:
                throw new IOException($"{Printable.Escape(path)}: is a pipe or a device; weights are written to regular files only");
            case FileKind.Folder:
                throw new IOException($"{Printable.Escape(path)}: is a folder; name the file to write in it");
            default:
                if (!_replace)
                {
                    throw new TargetExistsException(path);
                }
                return;
        }
    }

    private WrittenInput OpenWritten(int index)
    {
        (_, string target, SafeFileHandle handle) = _files[index];
        return new WrittenInput(target, new FileBytes(target, handle), name => _files.FindIndex(file => System.IO.Path.GetFileName(file.Target) == name) is >= 0 and int sibling ? OpenWritten(sibling) : null);
    }

    private SafeFileHandle Create(string name, long length)
    {
        string temporary = System.IO.Path.Combine(_folder, $"{TemporaryPrefix}{_files.Count}.partial");
        try
        {
            // CreateNew and a preallocation: ext4 then neither flushes on close nor fragments, and a full disk shows before the first byte.
            SafeFileHandle handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, length);
            _files.Add((temporary, Target(name), handle));
            RandomAccess.SetLength(handle, length);
            return handle;
        }
        catch (IOException error)
        {
            throw Explained(error, name, $"{length:N0} bytes");
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{Printable.Escape(Target(name))}: its folder may not be written to; choose another one", error);
        }
    }

    // One prefix for all files of a target, whatever their number, so that the next run finds them. Names end at 255 bytes.
    private string TemporaryPrefix => $".{(System.Text.Encoding.UTF8.GetByteCount(FileName) <= 200 ? FileName : $"weights-{Crc32Value.Of(System.Text.Encoding.UTF8.GetBytes(FileName)):x8}")}.";

    private void RemoveDebris()
    {
        string prefix = TemporaryPrefix;
        foreach (string path in Directory.EnumerateFiles(_folder, ".*.partial"))
        {
            ReadOnlySpan<char> rest = System.IO.Path.GetFileName(path.AsSpan());
            if (!rest.StartsWith(prefix, StringComparison.Ordinal) || !int.TryParse(rest[prefix.Length..^".partial".Length], out _))
            {
                continue;
            }
            try
            {
                // A living writer holds the file's lock; a killed one does not.
                File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            }
            catch (IOException error)
            {
                throw new IOException($"{Printable.Escape(Path)}: another process is writing it at this moment; wait for it to end", error);
            }
            File.Delete(path);
        }
    }

    private static bool Names(IOException error, string path) => error.Message.Contains(path, StringComparison.Ordinal);

    private IOException Explained(IOException error, string name, string size)
    {
        const int noSpace = 28; // ENOSPC
        bool full = (error.HResult & 0xFFFF) is noSpace or 112 || error.Message.Contains("disk was full", StringComparison.Ordinal) || error.Message.Contains("No space", StringComparison.Ordinal);
        string reason = full
            ? $"the disk is full: the file needs {size}; free some space or write elsewhere"
            : Printable.Escape(error.Message);
        return new IOException($"{Printable.Escape(Target(name))}: {reason}", error);
    }
}
