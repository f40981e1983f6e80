using System.IO.Compression;

namespace Weights.Scanning.Containers;

/// <summary>Opens what the platform itself can inflate.</summary>
internal static class Decompression
{
    /// <summary>The inflated bytes of a stream that begins so; without a signature it is bare deflate, as in zip archives.</summary>
    public static Stream Open(Stream compressed, Signature signature) => signature switch
    {
        Signature.Gzip => new GZipStream(compressed, CompressionMode.Decompress),
        Signature.Zlib => new ZLibStream(compressed, CompressionMode.Decompress),
        _ => new DeflateStream(compressed, CompressionMode.Decompress),
    };
}
