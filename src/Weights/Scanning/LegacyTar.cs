using System.Buffers.Binary;
using Weights.Pickle;

namespace Weights.Scanning;

/// <summary>
/// Members of the tar archives that <c>torch.save</c> wrote until 2016, in which pickles and numbers take turns. <c>storages</c> is
/// <c>pickle: count | [pickle: key, device, class | i64 count | elements]…</c>, <c>tensors</c> is
/// <c>pickle: count | [pickle: key, storage, class | i32 rank | 4 bytes | sizes, strides, offset, i64 each]…</c>.
/// </summary>
internal static class LegacyTar
{
    /// <summary>Scans the pickles of such a member.</summary>
    public static void Scan(FileScan scan, ByteSource bytes, string name, int depth, bool isStorages)
    {
        using PickleStreams streams = scan.Streams(bytes, name, depth);
        long at = 0;
        long left = 1;
        for (long index = 0; index <= left; index++)
        {
            if (streams.ScanSingle(at) is not { } read)
            {
                return;
            }
            at = read.End;
            if (index == 0)
            {
                left = read.Value is PickleInteger { Value: >= 0 and <= ScanBudget.MostPickles } count ? count.Value : 0;
                continue;
            }
            if (Numbers(bytes, at, read.Value, isStorages) is not { } end)
            {
                scan.Fault(name, at, "the numbers after a pickle are not all there or do not lie as they should: the file is truncated or damaged");
                streams.SweepFrom(at);
                return;
            }
            at = end;
        }
        if (at < bytes.Length)
        {
            streams.Scan(isFollowed: false, at);
        }
    }

    // Where the numbers end that follow a pickle.
    private static long? Numbers(ByteSource bytes, long at, PickleNode value, bool isStorages)
    {
        Span<byte> count = stackalloc byte[sizeof(long)];
        if (bytes.Length - at < sizeof(long) || value is not PickleTuple { Items: [_, _, PickleGlobal type] })
        {
            return null;
        }
        bytes.Read(at, count);
        at += sizeof(long);
        long number = isStorages ? BinaryPrimitives.ReadInt64LittleEndian(count) : (2L * BinaryPrimitives.ReadInt32LittleEndian(count)) + 1;
        int width = isStorages ? LegacyStorages.ElementBytes(type) : sizeof(long);
        return width > 0 && number >= 0 && number <= (bytes.Length - at) / width ? at + (number * width) : null;
    }
}
