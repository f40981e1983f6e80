using Weights.IO;

namespace Weights.Scanning.Containers;

/// <summary>What bytes begin like.</summary>
internal enum Signature
{
    None,
    Zip,
    Tar,
    Gzip,
    Zlib,
    Npy,
    SevenZip,
    Rar,
    Xz,
    Bzip2,
    Zstandard,
    Lz4,
}

/// <summary>Tells archives and compressed files by their first bytes.</summary>
internal static class Signatures
{
    private const int TarBlockBytes = 512;

    /// <summary>What <paramref name="head"/> begins like.</summary>
    public static Signature Of(ReadOnlySpan<byte> head) =>
        ZipDirectory.Begins(head) ? Signature.Zip
        : head.StartsWith((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y']) ? Signature.Npy
        : head.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? Signature.Gzip
        : head.StartsWith((ReadOnlySpan<byte>)[0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]) ? Signature.SevenZip
        : head.StartsWith("Rar!\x1A\x07"u8) ? Signature.Rar
        : head.StartsWith((ReadOnlySpan<byte>)[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) ? Signature.Xz
        : head.Length > 9 && head.StartsWith("BZh"u8) && head[4..].StartsWith("1AY&SY"u8) ? Signature.Bzip2
        : head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) ? Signature.Zstandard
        : head.StartsWith((ReadOnlySpan<byte>)[0x04, 0x22, 0x4D, 0x18]) ? Signature.Lz4
        : IsZlib(head) ? Signature.Zlib
        : IsTar(head) ? Signature.Tar
        : Signature.None;

    /// <summary>How people call it.</summary>
    public static string Name(Signature signature) => signature switch
    {
        Signature.Zip => "zip archive",
        Signature.Tar => "tar archive",
        Signature.Gzip => "gzip file",
        Signature.Zlib => "zlib stream",
        Signature.Npy => "NumPy array",
        Signature.SevenZip => "7z archive",
        Signature.Rar => "RAR archive",
        Signature.Xz => "xz file",
        Signature.Bzip2 => "bzip2 file",
        Signature.Zstandard => "Zstandard file",
        Signature.Lz4 => "LZ4 file",
        _ => "file",
    };

    // 0x78, a level, and the two bytes together a multiple of 31 (RFC 1950).
    private static bool IsZlib(ReadOnlySpan<byte> head) => head.Length > 6 && head[0] == 0x78 && head[1] is 0x01 or 0x5E or 0x9C or 0xDA && ((head[0] << 8) | head[1]) % 31 == 0;

    // A block of nothing but its checksum is no header.
    private static bool IsTar(ReadOnlySpan<byte> head)
    {
        const int checksumAt = 148, checksumBytes = 8;
        return head.Length >= TarBlockBytes
            && (head[..checksumAt].ContainsAnyExcept((byte)0) || head[(checksumAt + checksumBytes)..TarBlockBytes].ContainsAnyExcept((byte)0))
            && TarDirectory.HasChecksum(head[..TarBlockBytes]);
    }
}
