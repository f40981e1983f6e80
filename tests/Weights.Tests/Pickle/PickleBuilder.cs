using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Weights.Tests.Pickle;

/// <summary>Writes pickles opcode by opcode, sound ones and others.</summary>
internal sealed class PickleBuilder
{
    private readonly ArrayBufferWriter<byte> _stream = new();

    /// <summary>What has been written.</summary>
    public byte[] ToArray() => _stream.WrittenSpan.ToArray();

    /// <summary>What has been written, and STOP.</summary>
    public byte[] Stop() => Op(".").ToArray();

    /// <summary>Bytes of Latin-1 text: opcodes and their text arguments.</summary>
    public PickleBuilder Op(string latin1)
    {
        _stream.Write(Encoding.Latin1.GetBytes(latin1));
        return this;
    }

    public PickleBuilder Bytes(params ReadOnlySpan<byte> bytes)
    {
        _stream.Write(bytes);
        return this;
    }

    public PickleBuilder UInt32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Bytes(bytes);
    }

    public PickleBuilder UInt64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return Bytes(bytes);
    }

    public PickleBuilder Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op("X").UInt32((uint)utf8.Length).Bytes(utf8);
    }

    public PickleBuilder Integer(long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Op("\x8a\x08").Bytes(bytes);
    }

    public PickleBuilder Integers(params ReadOnlySpan<long> values)
    {
        Op("(");
        foreach (long value in values)
        {
            Integer(value);
        }
        return Op("t");
    }

    public PickleBuilder Global(string module, string name) => Op($"c{module}\n{name}\n");

    /// <summary>A dict of the entries that <paramref name="entries"/> writes, each a key and a value.</summary>
    public PickleBuilder Dict(params Action<PickleBuilder>[] entries)
    {
        Op("}(");
        foreach (Action<PickleBuilder> entry in entries)
        {
            entry(this);
        }
        return Op("u");
    }

    /// <summary>A text key and its value, for <see cref="Dict"/>.</summary>
    public static Action<PickleBuilder> Entry(string key, Action<PickleBuilder> value) => pickle => value(pickle.Text(key));

    /// <summary>A storage's persistent id.</summary>
    public PickleBuilder Storage(string type, string key, long count) =>
        Op("(").Text("storage").Global("torch", type).Text(key).Text("cpu").Integer(count).Op("tQ");

    /// <summary>A call of <c>_rebuild_tensor_v2</c>.</summary>
    public PickleBuilder Tensor(string type, string key, long count, long offset, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op("(").Storage(type, key, count).Integer(offset).Integers(shape).Integers(strides)
            .Op("\x89").Global("collections", "OrderedDict").Op(")RtR");

    /// <summary>A vector of as many float32 as storage <paramref name="key"/> has.</summary>
    public PickleBuilder Floats(string key, long count) => Tensor("FloatStorage", key, count, 0, [count], [1]);
}
