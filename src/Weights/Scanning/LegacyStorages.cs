using System.Buffers.Binary;
using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>
/// The storages after the fifth pickle of a file that <c>torch.save</c> wrote before 1.6: for each key <c>i64 count | elements</c>. Their bytes
/// are numbers, not pickles, so they are stepped over; for that the size of an element must be known.
/// </summary>
internal static class LegacyStorages
{
    /// <summary>119547037146038801333356, which such files begin with.</summary>
    public static readonly System.Numerics.BigInteger Magic = System.Numerics.BigInteger.Parse("119547037146038801333356");

    /// <summary>Pickles before the storages.</summary>
    public const int Pickles = 5;

    private static readonly Dictionary<string, int> s_elementBytes = new(StringComparer.Ordinal)
    {
        ["Float"] = 4,
        ["Double"] = 8,
        ["Half"] = 2,
        ["BFloat16"] = 2,
        ["Long"] = 8,
        ["Int"] = 4,
        ["Short"] = 2,
        ["Char"] = 1,
        ["Byte"] = 1,
        ["Bool"] = 1,
        ["ComplexFloat"] = 8,
        ["ComplexDouble"] = 16,
        ["QInt8"] = 1,
        ["QUInt8"] = 1,
        ["QInt32"] = 4,
        ["QUInt4x2"] = 1,
        ["QUInt2x4"] = 1,
        ["Untyped"] = 1,
        ["_Untyped"] = 1,
    };

    /// <summary>Where the storages end.</summary>
    /// <param name="file">The file.</param>
    /// <param name="at">Where they begin.</param>
    /// <param name="keys">The value of the fifth pickle.</param>
    /// <param name="ids">Storages that the fourth pickle names.</param>
    /// <returns>Null where they do not lie as they should.</returns>
    public static long? FindEnd(ByteSource file, long at, PickleNode keys, IReadOnlyList<PicklePersistentId> ids)
    {
        Dictionary<string, int> elementBytes = new(StringComparer.Ordinal);
        foreach (PicklePersistentId id in ids)
        {
            if (id.Id is PickleTuple { Items: [PickleText tag, PickleGlobal type, PickleText { Length: <= PickleLimits.NameLine } key, ..] } && tag.Is("storage") && ElementBytes(type) is > 0 and int bytes)
            {
                elementBytes.TryAdd(key.Text, bytes);
            }
        }
        Span<byte> count = stackalloc byte[sizeof(long)];
        foreach (PickleNode node in (keys as PickleList)?.Items ?? [])
        {
            if (node is not PickleText { Length: <= PickleLimits.NameLine } key || !elementBytes.TryGetValue(key.Text, out int bytes) || file.Length - at < sizeof(long))
            {
                return null;
            }
            file.Read(at, count);
            at += sizeof(long);
            long elements = BinaryPrimitives.ReadInt64LittleEndian(count);
            if (elements < 0 || elements > (file.Length - at) / bytes)
            {
                return null;
            }
            at += elements * bytes;
        }
        return keys is PickleList ? at : null;
    }

    /// <summary>Bytes of an element of a storage class; 0 where it is not known.</summary>
    public static int ElementBytes(PickleGlobal type)
    {
        const string suffix = "Storage";
        string name = type.Name[(type.Name.LastIndexOf('.') + 1)..];
        return name.EndsWith(suffix, StringComparison.Ordinal) ? s_elementBytes.GetValueOrDefault(name[..^suffix.Length]) : 0;
    }
}
