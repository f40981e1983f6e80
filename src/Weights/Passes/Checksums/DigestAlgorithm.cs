using System.IO.Hashing;
using System.Security.Cryptography;

namespace Weights.Passes.Checksums;

/// <summary>How the bytes of tensors are digested.</summary>
public enum DigestAlgorithm
{
    /// <summary>SHA-256: nobody can make other bytes with the same digest.</summary>
    Sha256,

    /// <summary>XXH3 of 64 bits, several times as fast: finds damage, but proves nothing.</summary>
    Xxh3,
}

/// <summary>What is needed of an algorithm.</summary>
public static class DigestAlgorithms
{
    /// <summary>Its name in reports and manifests: <c>sha256</c>, <c>xxh3</c>.</summary>
    public static string Name(this DigestAlgorithm algorithm) => algorithm == DigestAlgorithm.Sha256 ? "sha256" : "xxh3";

    /// <summary>Bytes of a digest.</summary>
    public static int Length(this DigestAlgorithm algorithm) => algorithm == DigestAlgorithm.Sha256 ? SHA256.HashSizeInBytes : sizeof(ulong);

    internal static byte[] Digest(this DigestAlgorithm algorithm, ByteSource bytes, Span<byte> buffer, ChunkReader seen)
    {
        if (algorithm == DigestAlgorithm.Xxh3)
        {
            XxHash3 fast = new();
            bytes.ReadChunks(buffer, (offset, chunk) =>
            {
                fast.Append(chunk);
                seen(offset, chunk);
            });
            return fast.GetCurrentHash();
        }
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bytes.ReadChunks(buffer, (offset, chunk) =>
        {
            hash.AppendData(chunk);
            seen(offset, chunk);
        });
        return hash.GetHashAndReset();
    }
}
