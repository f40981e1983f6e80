using System.IO.Hashing;

namespace Weights.Passes.Diff;

/// <summary>Tells whether a tensor has the elements of another of its shape in another order: axes exchanged, or rows or columns.</summary>
internal static class Reordering
{
    // Sums of the same squares in another order are the same but for rounding, of which each of 10⁵ additions in a lane of a chunk, and of as many chunks,
    // adds 10⁻¹⁶ at most. What was trained a little has a sum that differs by 10⁻⁷ and more.
    private const double NearlyEqual = 1e-10;

    // 16 bytes for each row of both.
    private const int MostLines = 1 << 24;

    private const int BufferBytes = 1 << 20;

    /// <summary>In words, or null.</summary>
    public static string? Relation(Tensor a, Tensor b, DifferenceStatistics statistics, ContentSearch search, DiffOptions options)
    {
        if (a.Shape.ElementCount < 2 || a.DType.BlockLength != 1 || !MayBe(statistics))
        {
            return null;
        }
        if (search.Relate(b, a) is { Axes.Count: > 0 } relation)
        {
            return relation.ToString();
        }
        return a.Shape.Rank == 0 || a.Shape[0] is < 2 or > MostLines ? null
            : HaveSameLines(a, b, options, Rows) ? a.Shape.Rank == 1 ? "elements permuted" : "rows permuted"
            : a.Shape.Rank == 2 && a.Shape[1] is >= 2 and <= MostLines && HaveSameLines(a, b, options, Columns) ? "columns permuted"
            : null;
    }

    // ‖a‖ = ‖b‖, unless squares are too small or too large for a double, or numbers were left out of both sums because their counterparts are NaN or infinite.
    private static bool MayBe(DifferenceStatistics statistics)
    {
        (double a, double b) = statistics.Squares;
        return statistics.NaNsA == statistics.NaNsB && statistics.InfinitiesA == statistics.InfinitiesB
            && (statistics.NaNsA + statistics.InfinitiesA > 0 || !double.IsNormal(a) || !double.IsNormal(b) || Math.Abs(a - b) <= NearlyEqual * Math.Max(a, b));
    }

    private static bool HaveSameLines(Tensor a, Tensor b, DiffOptions options, Func<Tensor, DiffOptions, ulong[]> hashes)
    {
        ulong[] left = hashes(a, options);
        ulong[] right = hashes(b, options);
        Array.Sort(left);
        Array.Sort(right);
        return left.AsSpan().SequenceEqual(right);
    }

    // A hash for each index of the first axis.
    private static ulong[] Rows(Tensor tensor, DiffOptions options)
    {
        ulong[] hashes = new ulong[tensor.Shape[0]];
        long rowBytes = tensor.Bytes.Length / hashes.Length;
        byte[] buffer = new byte[Math.Min(Math.Max(1, BufferBytes / rowBytes) * rowBytes, BufferBytes)];
        if (rowBytes > buffer.Length)
        {
            for (int row = 0; row < hashes.Length; row++)
            {
                options.Cancellation.ThrowIfCancellationRequested();
                XxHash3 hash = new();
                tensor.Bytes.Slice(row * rowBytes, rowBytes).ReadChunks(buffer, (_, chunk) => hash.Append(chunk));
                hashes[row] = hash.GetCurrentHashAsUInt64();
            }
            return hashes;
        }
        tensor.Bytes.ReadChunks(buffer, (offset, chunk) =>
        {
            options.Cancellation.ThrowIfCancellationRequested();
            for (int start = 0; start < chunk.Length; start += (int)rowBytes)
            {
                hashes[(offset + start) / rowBytes] = XxHash3.HashToUInt64(chunk.Slice(start, (int)rowBytes));
            }
        });
        return hashes;
    }

    // A hash for each column, to which every row adds an element.
    private static ulong[] Columns(Tensor tensor, DiffOptions options)
    {
        const ulong factor = 0x9E37_79B9_7F4A_7C15;
        ulong[] hashes = new ulong[tensor.Shape[1]];
        int elementBytes = tensor.DType.BlockBytes;
        byte[] buffer = new byte[BufferBytes / elementBytes * elementBytes];
        int column = 0;
        tensor.Bytes.ReadChunks(buffer, (_, chunk) =>
        {
            options.Cancellation.ThrowIfCancellationRequested();
            for (int start = 0; start < chunk.Length; start += elementBytes)
            {
                ulong element = 0;
                for (int index = 0; index < elementBytes; index++)
                {
                    element = unchecked((element * 257) + chunk[start + index]);
                }
                ulong hash = hashes[column] ^ element;
                hash = unchecked(hash * factor);
                hashes[column] = hash ^ (hash >> 29);
                column = column + 1 == hashes.Length ? 0 : column + 1;
            }
        });
        return hashes;
    }
}
