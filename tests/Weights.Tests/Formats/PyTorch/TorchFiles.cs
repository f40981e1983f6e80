using System.IO.Compression;
using Weights.Formats;
using Weights.IO;
using Weights.Tests.Pickle;

namespace Weights.Tests.Formats.PyTorch;

/// <summary>Makes and opens archives around pickles that are written by hand.</summary>
internal static class TorchFiles
{
    /// <summary>An archive of a pickle and storages, with whatever other entries.</summary>
    public static byte[] Zip(byte[] pickle, params (string Name, byte[] Contents)[] entries)
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] contents) in (IEnumerable<(string, byte[])>)[("data.pkl", pickle), .. entries, ("version", "3\n"u8.ToArray())])
            {
                using Stream entry = archive.CreateEntry($"archive/{name}", CompressionLevel.NoCompression).Open();
                entry.Write(contents);
            }
        }
        return stream.ToArray();
    }

    /// <summary>The entry of a storage of as many bytes as asked for, counting up.</summary>
    public static (string Name, byte[] Contents) Storage(string key, int bytes) => ($"data/{key}", [.. Enumerable.Range(0, bytes).Select(static value => (byte)value)]);

    /// <summary>Opens a file that is in memory.</summary>
    public static Checkpoint Open(byte[] file, string? root = null) => Format.PyTorch.Read(new MemoryInput("test.pt", file), new ReadOptions { Root = root });

    /// <summary>Opens an archive of a pickle and of storages of 64 bytes called 0 to 9.</summary>
    public static Checkpoint Open(PickleBuilder pickle, string? root = null) =>
        Open(Zip(pickle.Stop(), [.. Enumerable.Range(0, 10).Select(static key => Storage($"{key}", 64))]), root);

    /// <summary>All bytes of a tensor.</summary>
    public static byte[] Read(this Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        return bytes;
    }

    /// <summary>Names of the tensors, in order, with spaces between.</summary>
    public static string Names(this Checkpoint checkpoint) => string.Join(' ', checkpoint.Tensors.Select(static tensor => tensor.Name));

    /// <summary>Paths of what was left out.</summary>
    public static string LeftOutPaths(this Checkpoint checkpoint) => string.Join(' ', checkpoint.LeftOut.Select(static left => left.Path));
}
