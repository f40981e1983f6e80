using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Weights.Formats.PyTorch.Writing;

/// <summary>Writes a pickle of protocol 2, the one that every PyTorch reads; globals are memoised, as they come back for each tensor.</summary>
/// <remarks><see href="https://github.com/python/cpython/blob/main/Lib/pickletools.py"/> lists the opcodes.</remarks>
internal sealed class PickleWriter
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly Dictionary<string, int> _memo = new(StringComparer.Ordinal);

    public PickleWriter() => _bytes.Write((ReadOnlySpan<byte>)[0x80, 2]);

    /// <summary>Ends the pickle and returns it.</summary>
    public byte[] Stop()
    {
        Opcode((byte)'.');
        return _bytes.WrittenSpan.ToArray();
    }

    public void Mark() => Opcode((byte)'(');

    /// <summary>A tuple of what stands after the mark.</summary>
    public void Tuple() => Opcode((byte)'t');

    public void EmptyTuple() => Opcode((byte)')');

    /// <summary>Calls the last value but one with the last, a tuple.</summary>
    public void Reduce() => Opcode((byte)'R');

    /// <summary>Looks up the storage that the last value, a tuple, describes.</summary>
    public void PersistentId() => Opcode((byte)'Q');

    /// <summary>Puts the pairs after the mark into the dict before it.</summary>
    public void SetItems() => Opcode((byte)'u');

    public void False() => Opcode(0x89);

    /// <summary>The object <paramref name="name"/> of <paramref name="module"/>.</summary>
    public void Global(string module, string name) => Memoised($"{module}\n{name}", global =>
    {
        Opcode((byte)'c');
        _bytes.Write(Encoding.ASCII.GetBytes(global));
        Opcode((byte)'\n');
    });

    /// <summary>A string that is likely to come back.</summary>
    public void Word(string word) => Memoised($"\"{word}", _ => Text(word));

    /// <exception cref="EncoderFallbackException">The text has an unpaired surrogate, which no UTF-8 can hold.</exception>
    public void Text(string text)
    {
        byte[] utf8 = s_strictUtf8.GetBytes(text);
        Span<byte> head = stackalloc byte[5];
        head[0] = (byte)'X';
        BinaryPrimitives.WriteUInt32LittleEndian(head[1..], (uint)utf8.Length);
        _bytes.Write(head);
        _bytes.Write(utf8);
    }

    public void Integer(long value)
    {
        Span<byte> bytes = stackalloc byte[10];
        switch (value)
        {
            case >= 0 and <= byte.MaxValue:
                _bytes.Write((ReadOnlySpan<byte>)[(byte)'K', (byte)value]);
                break;
            case >= 0 and <= ushort.MaxValue:
                _bytes.Write((ReadOnlySpan<byte>)[(byte)'M', (byte)(value & 0xFF), (byte)(value >> 8)]);
                break;
            case >= int.MinValue and <= int.MaxValue:
                bytes[0] = (byte)'J';
                BinaryPrimitives.WriteInt32LittleEndian(bytes[1..], (int)value);
                _bytes.Write(bytes[..5]);
                break;
            default:
                byte[] digits = new BigInteger(value).ToByteArray();
                _bytes.Write((ReadOnlySpan<byte>)[0x8A, (byte)digits.Length]);
                _bytes.Write(digits);
                break;
        }
    }

    public void Integers(ReadOnlySpan<long> values)
    {
        Mark();
        foreach (long value in values)
        {
            Integer(value);
        }
        Tuple();
    }

    private void Opcode(byte opcode) => _bytes.Write([opcode]);

    private void Memoised(string key, Action<string> write)
    {
        Span<byte> operand = stackalloc byte[5];
        if (_memo.TryGetValue(key, out int index))
        {
            operand[0] = (byte)(index <= byte.MaxValue ? 'h' : 'j');
        }
        else
        {
            write(key);
            index = _memo.Count;
            _memo.Add(key, index);
            operand[0] = (byte)(index <= byte.MaxValue ? 'q' : 'r');
        }
        BinaryPrimitives.WriteInt32LittleEndian(operand[1..], index);
        _bytes.Write(operand[..(index <= byte.MaxValue ? 2 : 5)]);
    }
}
