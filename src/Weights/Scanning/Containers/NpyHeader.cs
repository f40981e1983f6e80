using System.Buffers.Binary;
using System.Text;

namespace Weights.Scanning.Containers;

/// <summary>
/// What a <c>.npy</c> file says before its data: <c>0x93 NUMPY | u8 major | u8 minor | length, u16 or from version 2 on u32 | dict as text</c>.
/// <see href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"/>
/// </summary>
/// <param name="DataOffset">Where the data begins.</param>
/// <param name="HasObjects">Whether the elements are Python objects, or may be: then the data is a pickle.</param>
internal sealed record NpyHeader(long DataOffset, bool HasObjects)
{
    private const int FixedBytes = 8;
    private const int Longest = 1 << 20;

    /// <summary>Reads it; null when it is none.</summary>
    public static NpyHeader? Read(ByteSource file)
    {
        Span<byte> start = stackalloc byte[FixedBytes + sizeof(uint)];
        if (file.Length < start.Length)
        {
            return null;
        }
        file.Read(0, start);
        int lengthBytes = start[6] == 1 ? sizeof(ushort) : sizeof(uint);
        long length = lengthBytes == sizeof(ushort) ? BinaryPrimitives.ReadUInt16LittleEndian(start[FixedBytes..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[FixedBytes..]);
        if (length > Longest || length > file.Length - FixedBytes - lengthBytes)
        {
            return null;
        }
        byte[] text = new byte[length];
        file.Read(FixedBytes + lengthBytes, text);
        // Any O in what may be a type code: of the keys' own names none has one.
        return new NpyHeader(FixedBytes + lengthBytes + length, Encoding.Latin1.GetString(text).Contains('O', StringComparison.Ordinal));
    }
}
