using System.Security.Cryptography;
using Weights.IO;

namespace Weights.Passes.Checksums;

/// <summary>Digests of whole files.</summary>
public static class FileDigests
{
    private const int BufferBytes = 256 << 10;

    /// <summary>Reads a file once.</summary>
    /// <param name="path">Which.</param>
    /// <param name="algorithm">How to digest it.</param>
    /// <param name="read">Is told how many bytes more have been read.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>Its length and digest.</returns>
    /// <exception cref="IOException">It could not be read.</exception>
    public static (long Bytes, byte[] Digest) Of(string path, HashAlgorithmName algorithm, Action<long>? read = null, CancellationToken cancellation = default)
    {
        using FileBytes file = new(path);
        using IncrementalHash hash = IncrementalHash.CreateHash(algorithm);
        file.ReadChunks(new byte[BufferBytes], (_, chunk) =>
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(chunk);
            read?.Invoke(chunk.Length);
        });
        return (file.Length, hash.GetHashAndReset());
    }
}
