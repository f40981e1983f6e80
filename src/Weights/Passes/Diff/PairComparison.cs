using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Weights.Passes.Diff;

/// <summary>What came of comparing two tensors of one shape.</summary>
/// <param name="IsSame">Whether they have the same type and bytes.</param>
/// <param name="Statistics">How far they are apart; null where they are the same.</param>
internal sealed record PairResult(bool IsSame, DifferenceStatistics? Statistics);

/// <summary>
/// Compares many pairs of tensors, a chunk at a time, on all processors. Chunks of the same bytes cost a comparison of memory; only if
/// something else in the tensor differs are they read once more, for the sums. Results do not depend on the number of processors.
/// </summary>
/// <param name="fileA">Path of what the first tensors are from, for errors.</param>
/// <param name="fileB">Path of what the second are from.</param>
/// <param name="options">How to compare.</param>
internal sealed class PairComparison(string fileA, string fileB, DiffOptions options)
{
    private readonly ConcurrentBag<PairReader> _readers = [];

    /// <summary>The results, in the order of the pairs.</summary>
    public IReadOnlyList<PairResult> Compare(IReadOnlyList<(Tensor A, Tensor B)> pairs)
    {
        DifferenceSums?[][] sums = [.. pairs.Select(static pair => new DifferenceSums?[PairReader.Chunks(pair.A)])];
        Run(Chunks(pairs, static (_, _) => true), (pair, chunk, reader) =>
        {
            (Tensor a, Tensor b) = pairs[pair];
            if (a.DType != b.DType || !reader.AreSame(a, b, chunk))
            {
                sums[pair][chunk] = reader.Compare(a, b, chunk, options);
            }
            options.Read?.Invoke(Length(a, chunk) + Length(b, chunk));
        }, pairs);
        // What differs somewhere is compared everywhere.
        Run(Chunks(pairs, (pair, chunk) => sums[pair][chunk] is null && sums[pair].Any(static one => one is not null)), (pair, chunk, reader) =>
            sums[pair][chunk] = reader.Compare(pairs[pair].A, pairs[pair].B, chunk, options), pairs);
        return [.. pairs.Select((pair, index) => Result(pair.A, pair.B, sums[index]))];
    }

    /// <summary>Whether two tensors of one type and shape have the same bytes; ends at the first that differ.</summary>
    public bool AreSame(Tensor a, Tensor b)
    {
        PairReader reader = _readers.TryTake(out PairReader? idle) ? idle : new PairReader(fileA, fileB);
        long chunks = PairReader.Chunks(a);
        long chunk = 0;
        while (chunk < chunks && reader.AreSame(a, b, chunk))
        {
            options.Cancellation.ThrowIfCancellationRequested();
            chunk++;
        }
        _readers.Add(reader);
        return chunk == chunks;
    }

    private static PairResult Result(Tensor a, Tensor b, DifferenceSums?[] chunks)
    {
        if (chunks is not [{ } first, ..])
        {
            return new PairResult(a.DType == b.DType, null);
        }
        for (int chunk = 1; chunk < chunks.Length; chunk++)
        {
            first.Add(chunks[chunk]!);
        }
        return new PairResult(false, first.ToStatistics(a.DType == b.DType && UlpDistance.IsDefined(a.DType)));
    }

    private static long Length(Tensor tensor, long chunk)
    {
        (long start, long end) = PairReader.Range(tensor, chunk);
        return end - start;
    }

    private static List<(int Pair, long Chunk)> Chunks(IReadOnlyList<(Tensor A, Tensor B)> pairs, Func<int, long, bool> isWanted)
    {
        List<(int, long)> chunks = [];
        for (int pair = 0; pair < pairs.Count; pair++)
        {
            long count = PairReader.Chunks(pairs[pair].A);
            for (long chunk = 0; chunk < count; chunk++)
            {
                if (isWanted(pair, chunk))
                {
                    chunks.Add((pair, chunk));
                }
            }
        }
        return chunks;
    }

    // Sources that can only be read forward are read by one thread, in their order: their chunks are one piece of work.
    private void Run(List<(int Pair, long Chunk)> chunks, Action<int, long, PairReader> action, IReadOnlyList<(Tensor A, Tensor B)> pairs)
    {
        List<List<(int Pair, long Chunk)>> work = [];
        foreach ((int pair, long chunk) in chunks)
        {
            bool isForward = pairs[pair].A.Bytes.ReadsForward || pairs[pair].B.Bytes.ReadsForward;
            if (isForward && work is [.., var last] && last[0].Pair == pair)
            {
                last.Add((pair, chunk));
            }
            else
            {
                work.Add([(pair, chunk)]);
            }
        }
        ParallelOptions parallel = new() { CancellationToken = options.Cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.ForEach(Partitioner.Create(work, EnumerablePartitionerOptions.NoBuffering), parallel, items =>
            {
                PairReader reader = _readers.TryTake(out PairReader? idle) ? idle : new PairReader(fileA, fileB);
                foreach ((int pair, long chunk) in items)
                {
                    options.Cancellation.ThrowIfCancellationRequested();
                    action(pair, chunk, reader);
                }
                _readers.Add(reader);
            });
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
    }
}
