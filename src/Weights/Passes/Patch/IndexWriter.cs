using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Weights.IO;

namespace Weights.Passes.Patch;

/// <summary>Writes the index of a patch; <see cref="PatchFile"/> has its layout.</summary>
internal sealed class IndexWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Bytes as they are.</summary>
    public void Add(ReadOnlySpan<byte> bytes) => _buffer.Write(bytes);

    /// <summary>A byte.</summary>
    public void Add(byte value) => Add([value]);

    /// <summary>Four bytes.</summary>
    public void Add(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Add(bytes);
    }

    /// <summary>Eight bytes.</summary>
    public void Add(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        Add(bytes);
    }

    /// <summary>Eight bytes of a number of items.</summary>
    public void AddCount(int count) => Add((ulong)count);

    /// <summary>Text: its length in bytes, and its UTF-8.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: it has none.</exception>
    public void Add(string text)
    {
        if (!JsonText.IsUtf8(text))
        {
            throw new WeightFileException(Fault.Unsupported, $"has the name or text {WeightFileException.Quote(text)}, which is no valid Unicode and cannot be in a patch; rename it first");
        }
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Add((uint)bytes.Length);
        Add(bytes);
    }

    /// <summary>A value of metadata: its kind, and what it is.</summary>
    public void Add(MetadataValue value)
    {
        switch (value)
        {
            case MetadataValue.Null:
                Add((byte)ValueKind.Null);
                break;
            case MetadataValue.Bool truth:
                Add((byte)(truth.Value ? ValueKind.True : ValueKind.False));
                break;
            case MetadataValue.Integer integer:
                Add((byte)ValueKind.Integer);
                Add(unchecked((ulong)integer.Value));
                break;
            case MetadataValue.Real real:
                Add((byte)ValueKind.Real);
                Add(BitConverter.DoubleToUInt64Bits(real.Value));
                break;
            case MetadataValue.Text text:
                Add((byte)ValueKind.Text);
                Add(text.Value);
                break;
            case MetadataValue.List list:
                Add((byte)ValueKind.List);
                AddCount(list.Items.Count);
                foreach (MetadataValue item in list.Items)
                {
                    Add(item);
                }
                break;
            case MetadataValue.Map map:
                Add((byte)ValueKind.Map);
                AddCount(map.Count);
                foreach ((string name, MetadataValue item) in map)
                {
                    Add(name);
                    Add(item);
                }
                break;
        }
    }
}

/// <summary>Kinds of values of metadata, as a patch has them.</summary>
internal enum ValueKind
{
    /// <summary>Said to be nothing.</summary>
    Null = 0,

    /// <summary>False.</summary>
    False = 1,

    /// <summary>True.</summary>
    True = 2,

    /// <summary>Eight bytes, two's complement.</summary>
    Integer = 3,

    /// <summary>Eight bytes, IEEE 754.</summary>
    Real = 4,

    /// <summary>Text.</summary>
    Text = 5,

    /// <summary>A count, and so many values.</summary>
    List = 6,

    /// <summary>A count, and so many names and values.</summary>
    Map = 7,
}
