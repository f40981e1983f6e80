using Weights.IO;

namespace Weights.Pickle;

// Opcodes that push one value without parts: None, bools, numbers, strings and bytes.
internal sealed partial class PickleMachine
{
    private bool Scalar(PickleOpcode opcode)
    {
        PickleNode? node = opcode switch
        {
            PickleOpcode.None => PickleNone.Value,
            PickleOpcode.NewTrue => PickleBool.True,
            PickleOpcode.NewFalse => PickleBool.False,
            PickleOpcode.BinInt => PickleInteger.Of(_cursor.ReadInt32(_at)),
            PickleOpcode.BinInt1 => PickleInteger.Of(_cursor.ReadByte(_at)),
            PickleOpcode.BinInt2 => PickleInteger.Of(_cursor.ReadUInt16(_at)),
            PickleOpcode.BinFloat => new PickleFloat(_cursor.ReadBigEndianDouble(_at)),
            PickleOpcode.Long1 => ReadLong(_cursor.ReadLength8(_at)),
            PickleOpcode.Long4 => ReadLong(_cursor.ReadSignedLength32(_at)),
            PickleOpcode.Int => ReadInt(),
            PickleOpcode.Long => ReadLongLine(),
            PickleOpcode.Float => ReadFloat(),
            PickleOpcode.ShortBinUnicode => ReadText(_cursor.ReadLength8(_at)),
            PickleOpcode.BinUnicode => ReadText(_cursor.ReadLength32(_at)),
            PickleOpcode.BinUnicode8 => ReadText(_cursor.ReadLength64(_at)),
            PickleOpcode.Unicode => ReadUnicodeLine(),
            PickleOpcode.ShortBinString => ReadByteString(_cursor.ReadLength8(_at)),
            PickleOpcode.BinString => ReadByteString(_cursor.ReadSignedLength32(_at)),
            PickleOpcode.String => ReadStringLine(),
            PickleOpcode.ShortBinBytes => new PickleBytes(ReadBytes(_cursor.ReadLength8(_at))),
            PickleOpcode.BinBytes => new PickleBytes(ReadBytes(_cursor.ReadLength32(_at))),
            PickleOpcode.BinBytes8 => new PickleBytes(ReadBytes(_cursor.ReadLength64(_at))),
            PickleOpcode.ByteArray8 => new PickleBytes(ReadBytes(_cursor.ReadLength64(_at)), isByteArray: true),
            _ => null,
        };
        if (node is null)
        {
            return false;
        }
        if (MostMemory < long.MaxValue)
        {
            Charge(MemoryOf(node));
        }
        Push(node);
        return true;
    }

    // The node and what it alone refers to.
    private static int MemoryOf(PickleNode node) => node switch
    {
        PickleText text => 80 + (int)(2 * Math.Min(text.Length, PickleLimits.Copied)),
        PickleBytes bytes => 112 + (int)Math.Min(bytes.Value.Length, PickleLimits.Copied),
        PickleInteger { Value: >= -1 and < 1025 } => 0,
        PickleInteger or PickleFloat => 32,
        PickleBigInteger integer => 64 + integer.Value.GetByteCount(),
        _ => 0,
    };

    private PickleNode ReadLong(long length) => length <= PickleLimits.IntegerBytes
        ? PickleNumbers.FromTwosComplement(length <= PickleLimits.Copied ? _cursor.ReadSpan((int)length, _at) : _cursor.Copy((int)length))
        : throw Refuse(Fault.Unsupported, $"the pickle holds an integer of {length:N0} bytes, more than the {PickleLimits.IntegerBytes:N0} that are read");

    private PickleNode ReadInt()
    {
        ReadOnlySpan<byte> line = _cursor.ReadLine(PickleLimits.Digits, _at);
        ReadOnlySpan<byte> trimmed = line.TrimEnd((byte)'\r');
        return trimmed.SequenceEqual("00"u8) ? PickleBool.False : trimmed.SequenceEqual("01"u8) ? PickleBool.True : Stated(PickleNumbers.ParseInteger(line));
    }

    private PickleNode ReadLongLine()
    {
        ReadOnlySpan<byte> digits = _cursor.ReadLine(PickleLimits.Digits, _at).TrimEnd("L\r"u8);
        ChargeLine();
        return Stated(PickleNumbers.ParseInteger(digits));
    }

    private PickleFloat ReadFloat() => PickleNumbers.ParseFloat(_cursor.ReadLine(PickleLimits.Digits, _at)) is { } value
        ? new PickleFloat(value)
        : throw Refuse(Fault.Corrupt, "the pickle has something that is no number where it says that a float is; it is damaged");

    private PickleNode Stated(PickleNode? number) =>
        number ?? throw Refuse(Fault.Corrupt, "the pickle has something that is no number where it says that an integer is; it is damaged");

    private PickleText ReadText(long length) => length > PickleLimits.Copied
        ? PickleText.Later(_cursor.Take(length))
        : Texts.Get(_cursor.ReadSpan((int)length, _at)) ?? throw Refuse(Fault.Corrupt, "the pickle holds a string that is no UTF-8; it is damaged");

    private PickleText ReadUnicodeLine() => PickleNumbers.UnescapeUnicode(_cursor.ReadLine(PickleLimits.TextLine, _at)) is { } text
        ? new PickleText(text)
        : throw Refuse(Fault.Corrupt, "the pickle holds a string with a broken \\u escape; it is damaged");

    private PickleText ReadByteString(long length)
    {
        if (length > PickleLimits.Copied)
        {
            return PickleText.ByteString(_cursor.Take(length));
        }
        return ByteString(_cursor.ReadSpan((int)length, _at));
    }

    private PickleText ReadStringLine()
    {
        ReadOnlySpan<byte> line = _cursor.ReadLine(PickleLimits.TextLine, _at).Trim(" \t\r"u8);
        bool isQuoted = line.Length >= 2 && line[0] is (byte)'\'' or (byte)'"' && line[^1] == line[0];
        return isQuoted && PickleNumbers.UnescapeBytes(line[1..^1]) is { } bytes
            ? ByteString(bytes)
            : throw Refuse(Fault.Corrupt, "the pickle holds a string without its quotes or with a broken escape; it is damaged");
    }

    private PickleText ByteString(ReadOnlySpan<byte> bytes) => System.Text.Ascii.IsValid(bytes)
        ? Texts.Get(bytes)!
        : PickleText.ByteString(new MemoryBytes(bytes.ToArray()));

    private ByteSource ReadBytes(long length) => length <= PickleLimits.Copied ? new MemoryBytes(_cursor.Copy((int)length)) : _cursor.Take(length);
}
