using System.Text;

namespace Weights.Tests.Formats.Onnx;

/// <summary>Writes protobuf messages field by field, for files that no library would write.</summary>
internal sealed class ProtoBuilder
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    /// <summary>A field that holds a number.</summary>
    public ProtoBuilder Number(int field, long value)
    {
        Varint((ulong)field << 3);
        Varint(unchecked((ulong)value));
        return this;
    }

    /// <summary>A field that holds bytes.</summary>
    public ProtoBuilder Bytes(int field, ReadOnlySpan<byte> value)
    {
        Varint(((ulong)field << 3) | 2);
        Varint((ulong)value.Length);
        _bytes.AddRange(value);
        return this;
    }

    /// <summary>A field that holds text.</summary>
    public ProtoBuilder Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A field that holds a message.</summary>
    public ProtoBuilder Message(int field, ProtoBuilder message) => Bytes(field, message.ToArray());

    /// <summary>A number alone.</summary>
    public ProtoBuilder Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.Add((byte)(value | 0x80));
        }
        _bytes.Add((byte)value);
        return this;
    }

    /// <summary>The same again and again.</summary>
    public ProtoBuilder Repeat(int count, Action<ProtoBuilder, int> field)
    {
        for (int index = 0; index < count; index++)
        {
            field(this, index);
        }
        return this;
    }

    /// <summary>A model of that graph.</summary>
    public static byte[] Model(ProtoBuilder graph) => new ProtoBuilder().Number(1, 8).Message(7, graph).Message(8, new ProtoBuilder().Number(2, 17)).ToArray();

    /// <summary>A model of one initializer, whose name, type and shape are given.</summary>
    public static byte[] Model(int type, long[] dimensions, Action<ProtoBuilder> rest)
    {
        ProtoBuilder tensor = new ProtoBuilder().Number(2, type).Text(8, "a").Repeat(dimensions.Length, (builder, index) => builder.Number(1, dimensions[index]));
        rest(tensor);
        return Model(new ProtoBuilder().Message(5, tensor));
    }
}
