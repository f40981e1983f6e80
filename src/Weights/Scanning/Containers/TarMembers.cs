using System.Text;
using Weights.IO;

namespace Weights.Scanning.Containers;

/// <summary>
/// The members of a tar archive, <c>[header of 512 bytes | contents, padded to 512]…</c>, in the order that they stand.
/// Unlike <see cref="IO.TarDirectory"/>, which finds what unpacking would leave: here every member of one name counts, and what follows the end is told.
/// <see href="https://www.gnu.org/software/tar/manual/html_node/Standard.html"/>
/// </summary>
internal static class TarMembers
{
    private const int BlockBytes = 512;

    /// <summary>Finds the members; links and folders are none.</summary>
    public static void Walk(ByteSource archive, Action<string, long, ByteSource> found, Action<long, string> fault)
    {
        byte[] header = new byte[BlockBytes];
        string? longName = null;
        long at = 0;
        for (; at + BlockBytes <= archive.Length;)
        {
            archive.Read(at, header);
            if (header.AsSpan().IndexOfAnyExcept((byte)0) < 0)
            {
                WalkRest(archive, at, fault);
                return;
            }
            Span<byte> stated = header.AsSpan(124, 12);
            if (Signatures.Of(header) != Signature.Tar || !stated.ContainsAnyExcept((byte)0, (byte)' ') || TarDirectory.Octal(stated) is not { } size || size > archive.Length - at - BlockBytes)
            {
                fault(at, "the tar archive is damaged or cut off: there is no member's header where one should be, or its contents are not all there");
                return;
            }
            ByteSource contents = archive.Slice(at + BlockBytes, size);
            const byte gnuLongName = (byte)'L';
            if (header[156] == gnuLongName && size < BlockBytes * 8)
            {
                byte[] name = new byte[size];
                contents.Read(0, name);
                longName = Encoding.UTF8.GetString(name).TrimEnd('\0');
            }
            else
            {
                if (size > 0)
                {
                    found(longName ?? Text(header.AsSpan(0, 100)), at + BlockBytes, contents);
                }
                longName = null;
            }
            at += BlockBytes + ((size + BlockBytes - 1) / BlockBytes * BlockBytes);
        }
    }

    // Zeros up to the end; anything else is out of a reader's sight.
    private static void WalkRest(ByteSource archive, long at, Action<long, string> fault)
    {
        byte[] buffer = new byte[(int)Math.Clamp(archive.Length - at, 1, 1 << 16)];
        for (long position = at; position < archive.Length; position += buffer.Length)
        {
            Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, archive.Length - position));
            archive.Read(position, chunk);
            if (chunk.IndexOfAnyExcept((byte)0) is >= 0 and int index)
            {
                fault(position + index, "something follows the end of the tar archive");
                return;
            }
        }
    }

    private static string Text(ReadOnlySpan<byte> field) => Encoding.UTF8.GetString(field.IndexOf((byte)0) is >= 0 and int end ? field[..end] : field);
}
