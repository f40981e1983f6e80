using System.Buffers.Binary;
using System.Text;

namespace Weights.Passes.Patch;

/// <summary>Reads the index of a patch; nothing is taken, nor made room for, that is not there.</summary>
/// <param name="index">All of it.</param>
/// <param name="start">Where it is in the file, for errors.</param>
internal sealed class IndexReader(byte[] index, long start)
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private int _at;

    /// <summary>Whether all of it has been read.</summary>
    public bool IsAtEnd => _at == index.Length;

    /// <summary>The next bytes.</summary>
    public ReadOnlySpan<byte> Bytes(long count)
    {
        if (count > index.Length - _at)
        {
            throw Corrupt($"the index of the patch ends within what takes {count:N0} bytes more");
        }
        ReadOnlySpan<byte> bytes = index.AsSpan(_at, (int)count);
        _at += bytes.Length;
        return bytes;
    }

    /// <summary>A byte that is one of the first so many.</summary>
    public int Choice(int choices, string of)
    {
        int value = Bytes(1)[0];
        return value < choices ? value : throw Corrupt($"{of} has the number {value}, and there are {choices}");
    }

    /// <summary>Four bytes.</summary>
    public uint Word() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(sizeof(uint)));

    /// <summary>Eight bytes.</summary>
    public ulong Long() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(sizeof(ulong)));

    /// <summary>A number of items that take so many bytes each, at least.</summary>
    public int Count(int itemBytes, string of)
    {
        long count = (long)Math.Min(Long(), long.MaxValue);
        Require(count, itemBytes, of);
        return (int)count;
    }

    /// <summary>Passes if so many items, of so many bytes each, are still there.</summary>
    public void Require(long count, int itemBytes, string of)
    {
        if (count > (index.Length - _at) / itemBytes)
        {
            throw Corrupt($"{count:N0} {of} are more than the index of the patch has room for");
        }
    }

    /// <summary>Text.</summary>
    public string Text()
    {
        uint length = Word();
        ReadOnlySpan<byte> bytes = Bytes(length);
        try
        {
            return s_utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Corrupt("a name or text in the index of the patch is no UTF-8");
        }
    }

    /// <summary>A value of metadata.</summary>
    public MetadataValue Value(int depth = 0)
    {
        if (depth > MetadataValue.MaxDepth + 1)
        {
            throw Corrupt($"metadata in the patch are nested more than {MetadataValue.MaxDepth} deep");
        }
        switch ((ValueKind)Choice(8, "a value of metadata"))
        {
            case ValueKind.False:
                return new MetadataValue.Bool(false);
            case ValueKind.True:
                return new MetadataValue.Bool(true);
            case ValueKind.Integer:
                return new MetadataValue.Integer(unchecked((long)Long()));
            case ValueKind.Real:
                return new MetadataValue.Real(BitConverter.UInt64BitsToDouble(Long()));
            case ValueKind.Text:
                return new MetadataValue.Text(Text());
            case ValueKind.List:
                List<MetadataValue> items = [];
                for (int left = Count(1, "values"); left > 0; left--)
                {
                    items.Add(Value(depth + 1));
                }
                return new MetadataValue.List(items);
            case ValueKind.Map:
                return Map(depth);
            default:
                return MetadataValue.Null.Value;
        }
    }

    /// <summary>What is wrong, and where.</summary>
    public WeightFileException Corrupt(string problem) => new(Fault.Corrupt, $"{problem}: the patch is damaged; get a fresh copy", offset: start + _at);

    private MetadataValue.Map Map(int depth)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [];
        for (int left = Count(5, "values"); left > 0; left--)
        {
            string name = Text();
            entries.Add(new(name, Value(depth + 1)));
        }
        return new MetadataValue.Map(entries);
    }
}
