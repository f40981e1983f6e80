namespace Weights.Formats.Onnx.Wire;

/// <summary>Separates the elements of tensors from the rest of a file: one walk over the rest.</summary>
internal sealed class SkeletonTaker(ByteSource file)
{
    // protobuf's own limit. A graph within a graph is three messages deeper.
    private const int MaxDepth = 100;

    // Even an empty message becomes objects of some 800 bytes; the largest published graphs have some 100,000.
    private const int MaxMessages = 2_000_000;

    // Writers make one field per tensor; a merged message might have a few.
    private const int MaxPayloadsPerTensor = 64;

    // Five bytes hold any length below 2³⁵, so that it can be filled in when it is known.
    private const int LengthBytes = 5;

    private const int StringField = 6;

    private readonly WireCursor _cursor = new(file);
    private readonly List<Payload> _payloads = [];
    private byte[] _bytes = new byte[Math.Min(file.Length + 64, 64 << 10)];
    private int _count;
    private int _messages;

    /// <summary>The file without elements, and the elements.</summary>
    /// <exception cref="WeightFileException">The file is no sound message of that kind, or larger without its elements than a model may be.</exception>
    public Skeleton Take(MessageKind kind)
    {
        TakeFields(kind, _cursor.Length, 1);
        return new Skeleton(_bytes.AsMemory(0, _count), _payloads);
    }

    private void TakeFields(MessageKind kind, long end, int depth)
    {
        if (depth > MaxDepth)
        {
            throw WireCursor.Corrupt($"messages are nested more than {MaxDepth} deep", _cursor.Position);
        }
        if (++_messages > MaxMessages)
        {
            throw new WeightFileException(Fault.Unsupported, $"has more than {MaxMessages:N0} nodes, attributes and tensors, which is more than a graph is allowed here", offset: _cursor.Position);
        }
        int firstPayload = _payloads.Count;
        while (_cursor.Position < end)
        {
            long start = _cursor.Position;
            (int field, WireType type) = _cursor.ReadTag(end);
            if (type == WireType.Delimited && kind.Child(field) is not MessageKind.Other and MessageKind child)
            {
                TakeChild(child, field, end, depth);
            }
            else if (kind == MessageKind.Tensor && MessageKinds.HoldsElements(field))
            {
                TakePayload(start, field, type, end);
                if (_payloads.Count - firstPayload > MaxPayloadsPerTensor)
                {
                    throw new WeightFileException(Fault.Unsupported, $"a tensor has its elements in more than {MaxPayloadsPerTensor} pieces, which no writer makes; export the model again", offset: start);
                }
            }
            else if (field == Skeleton.PayloadField)
            {
                throw WireCursor.Corrupt($"has a field with the number {field}, which nobody uses; the file is damaged", start);
            }
            else
            {
                _cursor.SkipValue(type, end);
                Copy(start, _cursor.Position - start);
            }
        }
    }

    private void TakeChild(MessageKind child, int field, long end, int depth)
    {
        long length = _cursor.ReadLength(end);
        WriteVarint(WireCursor.Tag(field, WireType.Delimited));
        int position = Advance(LengthBytes);
        TakeFields(child, _cursor.Position + length, depth + 1);
        int written = _count - position - LengthBytes;
        for (int index = 0; index < LengthBytes; index++)
        {
            _bytes[position + index] = (byte)((((long)written >> (7 * index)) & 0x7F) | (index < LengthBytes - 1 ? 0x80L : 0));
        }
    }

    private void TakePayload(long start, int field, WireType type, long end)
    {
        if (type == WireType.Delimited && field != StringField)
        {
            long length = _cursor.ReadLength(end);
            byte[] head = new byte[_cursor.Position - start];
            _cursor.Copy(start, head);
            Add(new Payload(field, type, head, file.Slice(_cursor.Position, length), start));
            _cursor.Position += length;
            return;
        }
        // One element each, as old writers have them: a run of such fields is one payload.
        _cursor.SkipValue(type, end);
        long next = _cursor.Position;
        while (next < end && _cursor.ReadTag(end) == (field, type))
        {
            _cursor.SkipValue(type, end);
            next = _cursor.Position;
        }
        _cursor.Position = next;
        Add(new Payload(field, type, default, file.Slice(start, next - start), start));
    }

    private void Add(Payload payload)
    {
        WriteVarint(WireCursor.Tag(Skeleton.PayloadField, WireType.Varint));
        WriteVarint((ulong)_payloads.Count);
        _payloads.Add(payload);
    }

    private void WriteVarint(ulong value)
    {
        int position = Advance(WireCursor.VarintBytes(value));
        WireCursor.WriteVarint(value, _bytes.AsSpan(position));
    }

    private void Copy(long start, long length)
    {
        int position = Advance(length);
        _cursor.Copy(start, _bytes.AsSpan(position, (int)length));
    }

    // Makes room for so many bytes; where they begin.
    private int Advance(long length)
    {
        if (length > Skeleton.MaxBytes - _count)
        {
            throw new WeightFileException(Fault.Unsupported, $"has more than {Skeleton.MaxBytes >> 20} MiB beside the elements of its tensors, which is more than a graph is allowed here", offset: _cursor.Position);
        }
        int position = _count;
        _count += (int)length;
        if (_count > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Math.Max(_count, 2L * _bytes.Length), Skeleton.MaxBytes));
        }
        return position;
    }
}
