using Weights.IO;

namespace Weights.Formats.PyTorch.Containers;

/// <summary>Storages that are entries of a folder in an archive, one each: <c>ROOT/FOLDER/KEY</c>.</summary>
/// <param name="input">The archive's file.</param>
/// <param name="directory">Its entries.</param>
/// <param name="folder">The folder, with the archive's root.</param>
/// <param name="isBigEndian">Whether the bytes of each number come with the highest first.</param>
internal sealed class ZipStorages(Input input, ZipDirectory directory, string folder, bool isBigEndian) : StorageSource
{
    private readonly Dictionary<string, ByteSource> _open = new(StringComparer.Ordinal);

    public override bool IsBigEndian => isBigEndian;

    public override int Count => directory.Entries.Count(entry => entry.Name.StartsWith($"{folder}/", StringComparison.Ordinal));

    public override ByteSource Open(string key, long bytes)
    {
        if (!Input.IsPlainFileName(key))
        {
            throw new WeightFileException(Fault.Corrupt, $"is in a storage with the key {WeightFileException.Quote(key)}, which can be no name of an entry");
        }
        string name = $"{folder}/{key}";
        if (!_open.TryGetValue(key, out ByteSource? contents))
        {
            ZipEntry entry = directory.Find(name)
                ?? throw new WeightFileException(Fault.Corrupt, $"is in the archive's entry {WeightFileException.Quote(name)}, which is not there (it would have {bytes:N0} bytes); the archive is incomplete, get a fresh copy");
            _open.Add(key, contents = entry.Open(input));
        }
        return bytes <= contents.Length
            ? contents.Slice(0, bytes)
            : throw new WeightFileException(Fault.Corrupt, $"needs {bytes:N0} bytes of the archive's entry {WeightFileException.Quote(name)}, which has {contents.Length:N0}");
    }
}
