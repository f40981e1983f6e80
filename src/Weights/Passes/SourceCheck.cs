using Weights.IO;

namespace Weights.Passes;

/// <summary>
/// Checks the CRC-32 that a container recorded for a <see cref="ByteSource"/> by looking at what a pass reads of it, in
/// pieces, in any order, from any thread; says so once all of it has been seen and does not have that checksum.
/// </summary>
internal sealed class SourceCheck(ByteSource source)
{
    // Disjoint pieces seen, by start; neighbours are joined, so there are about as many as there are threads.
    private readonly SortedList<long, (long End, uint Checksum)> _pieces = [];

    /// <summary>Notes that <paramref name="bytes"/> were read at <paramref name="offset"/>.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: now everything has been read, and it is not what was written.</exception>
    public void Saw(long offset, ReadOnlySpan<byte> bytes)
    {
        if (source.Crc32 is not { } recorded)
        {
            return;
        }
        uint checksum = Crc32Value.Of(bytes);
        lock (_pieces)
        {
            if (IsComplete)
            {
                return;
            }
            Add(offset, bytes, checksum);
            if (IsComplete && _pieces.GetValueAtIndex(0).Checksum is uint found && found != recorded)
            {
                throw new WeightFileException(Fault.Corrupt, $"its bytes have the CRC-32 {found:x8}, but {recorded:x8} was recorded when they were written: the file is damaged; get a fresh copy");
            }
        }
    }

    private bool IsComplete => _pieces.Count == 1 && _pieces.GetKeyAtIndex(0) == 0 && _pieces.GetValueAtIndex(0).End == source.Length;

    // Adds what is new of the bytes; what has been seen (blocks at the edge of two chunks are read twice) is left aside.
    private void Add(long start, ReadOnlySpan<byte> bytes, uint checksum)
    {
        int whole = bytes.Length;
        while (!bytes.IsEmpty)
        {
            int next = FirstAfter(start);
            long knownUntil = next > 0 ? _pieces.GetValueAtIndex(next - 1).End : 0;
            if (knownUntil > start)
            {
                int known = (int)Math.Min(knownUntil - start, bytes.Length);
                start += known;
                bytes = bytes[known..];
                continue;
            }
            long knownFrom = next < _pieces.Count ? _pieces.GetKeyAtIndex(next) : source.Length;
            int length = (int)Math.Min(bytes.Length, knownFrom - start);
            Insert(start, start + length, length == whole ? checksum : Crc32Value.Of(bytes[..length]), next);
            start += length;
            bytes = bytes[length..];
        }
    }

    // A piece between those at `next` - 1 and `next`, with which it becomes one where they touch.
    private void Insert(long start, long end, uint checksum, int next)
    {
        if (_pieces.TryGetValue(end, out (long End, uint Checksum) after))
        {
            _pieces.RemoveAt(next);
            checksum = Crc32Value.Concatenate(checksum, after.Checksum, after.End - end);
            end = after.End;
        }
        if (next > 0 && _pieces.GetValueAtIndex(next - 1) is (long before, uint first) && before == start)
        {
            checksum = Crc32Value.Concatenate(first, checksum, end - start);
            start = _pieces.GetKeyAtIndex(next - 1);
        }
        _pieces[start] = (end, checksum);
    }

    // Index of the first piece that starts after `start`.
    private int FirstAfter(long start)
    {
        int low = 0;
        for (int high = _pieces.Count; low < high;)
        {
            int middle = (low + high) / 2;
            (low, high) = _pieces.GetKeyAtIndex(middle) <= start ? (middle + 1, high) : (low, middle);
        }
        return low;
    }
}
