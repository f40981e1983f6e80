using System.Buffers;
using Weights.IO;

namespace Weights.Formats.Onnx.Wire;

/// <summary>
/// Puts elements back where their numbers stand. Lengths are our own arithmetic in 64 bits: that of Google.Protobuf has 32 and turns
/// negative above 2 GiB without an exception.
/// </summary>
internal sealed class SkeletonPutter(Skeleton skeleton)
{
    private readonly WireCursor _cursor = new(new MemoryBytes(skeleton.Bytes));

    // In the order in which the messages begin: that of a message stands before those of what is in it.
    private readonly List<long> _lengths = [];

    private readonly List<Segment> _segments = [];
    private readonly byte[] _varint = new byte[WireCursor.LongestVarint];
    private ArrayBufferWriter<byte> _pending = new();
    private long _flushed;
    private int _next;

    /// <summary>The file.</summary>
    /// <param name="kind">What the skeleton is.</param>
    public (IReadOnlyList<Segment> Segments, long Length) Put(MessageKind kind)
    {
        Measure(kind, _cursor.Length);
        _cursor.Position = 0;
        _next = 1;
        Write(kind, _cursor.Length);
        Flush();
        return (_segments, _flushed);
    }

    private long Measure(MessageKind kind, long end)
    {
        int slot = _lengths.Count;
        _lengths.Add(0);
        long total = 0;
        while (_cursor.Position < end)
        {
            long start = _cursor.Position;
            (int field, WireType type) = _cursor.ReadTag(end);
            if (type == WireType.Delimited && kind.Child(field) is not MessageKind.Other and MessageKind child)
            {
                long tagBytes = _cursor.Position - start;
                long length = _cursor.ReadLength(end);
                long measured = Measure(child, _cursor.Position + length);
                total += tagBytes + WireCursor.VarintBytes((ulong)measured) + measured;
            }
            else if (field == Skeleton.PayloadField)
            {
                total += skeleton.Payloads[(int)_cursor.ReadVarint(end)].Length;
            }
            else
            {
                _cursor.SkipValue(type, end);
                total += _cursor.Position - start;
            }
        }
        return _lengths[slot] = total;
    }

    private void Write(MessageKind kind, long end)
    {
        while (_cursor.Position < end)
        {
            long start = _cursor.Position;
            (int field, WireType type) = _cursor.ReadTag(end);
            if (type == WireType.Delimited && kind.Child(field) is not MessageKind.Other and MessageKind child)
            {
                long tagEnd = _cursor.Position;
                long length = _cursor.ReadLength(end);
                _pending.Write(skeleton.Bytes.Span[(int)start..(int)tagEnd]);
                _pending.Write(_varint.AsSpan(0, WireCursor.WriteVarint((ulong)_lengths[_next++], _varint)));
                Write(child, _cursor.Position + length);
            }
            else if (field == Skeleton.PayloadField)
            {
                Write(skeleton.Payloads[(int)_cursor.ReadVarint(end)]);
            }
            else
            {
                _cursor.SkipValue(type, end);
                _pending.Write(skeleton.Bytes.Span[(int)start..(int)_cursor.Position]);
            }
        }
    }

    private void Write(Payload payload)
    {
        _pending.Write(payload.Head.Span);
        if (payload.Values.Length > 0)
        {
            Flush();
            _segments.Add(new Segment(_flushed, payload.Values, payload.Tensor));
            _flushed += payload.Values.Length;
        }
    }

    private void Flush()
    {
        if (_pending.WrittenCount > 0)
        {
            _segments.Add(new Segment(_flushed, new MemoryBytes(_pending.WrittenMemory)));
            _flushed += _pending.WrittenCount;
            _pending = new ArrayBufferWriter<byte>();
        }
    }
}
