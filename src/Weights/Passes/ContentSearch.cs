using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Runtime.ExceptionServices;

namespace Weights.Passes;

/// <summary>
/// Finds, for tensors of one checkpoint, those of another that have their content. First the same type and order of elements is
/// looked for, then other orders of axes, then other types, then both; what one step finds the next ones do not look for. In each step only
/// tensors of fitting type and shape are read, each once for each form, and hashed; what has one hash is compared byte by byte.
/// </summary>
/// <param name="of">Whose tensors are looked for.</param>
/// <param name="within">Where they are looked for.</param>
/// <param name="read">Is told, from any thread, how many bytes more have been read.</param>
/// <param name="cancellation">Ends it early.</param>
internal sealed class ContentSearch(Checkpoint of, Checkpoint within, Action<long>? read, CancellationToken cancellation)
{
    private readonly ConcurrentDictionary<Tensor, UInt128> _hashes = [];
    private readonly ILookup<long, Tensor> _withinByCount = within.Tensors.ToLookup(static tensor => tensor.Shape.ElementCount);

    // A reading of a tensor of `within` in the form in which some of `of` may have its content.
    private sealed record Reading(Tensor Tensor, ContentRelation Relation)
    {
        public UInt128 Hash { get; set; }

        public ByteSource Bytes => Relation.Apply(Tensor.Bytes);
    }

    // Tensors of `of` for which the same readings come into question.
    private sealed record Sought(List<Tensor> Tensors, List<Reading> Readings);

    /// <summary>Those of <paramref name="tensors"/> whose content is there; tensors without elements have none.</summary>
    public Dictionary<Tensor, ContentCandidates> Find(IEnumerable<Tensor> tensors)
    {
        Dictionary<Tensor, ContentCandidates> found = [];
        List<Tensor> open = [.. tensors.Where(tensor => tensor.Shape.ElementCount > 0 && _withinByCount.Contains(tensor.Shape.ElementCount))];
        foreach ((bool isCast, bool isPermuted) in ((bool, bool)[])[(false, false), (false, true), (true, false), (true, true)])
        {
            List<Sought> step = [.. Group(open, isPermuted).Select(group => new Sought(group, Readings(group[0], isCast, isPermuted))).Where(static sought => sought.Readings.Count > 0)];
            Hash(step);
            foreach ((Tensor tensor, ContentCandidates candidates) in Join(step))
            {
                found.Add(tensor, candidates);
            }
            open.RemoveAll(found.ContainsKey);
        }
        return found;
    }

    /// <summary>The simplest relation by which one tensor has the other's content, or null.</summary>
    public ContentRelation? Relate(Tensor tensor, Tensor other) => Relations(tensor, other, isPermuted: false)
        .Concat(Relations(tensor, other, isPermuted: true))
        .FirstOrDefault(relation => AreEqual(of, tensor, tensor.Bytes, within, other, relation.Apply(other.Bytes)));

    /// <summary>Runs something for each item, on all processors.</summary>
    public void ForEach<T>(IReadOnlyList<T> items, Action<T> action)
    {
        ParallelOptions options = new() { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.ForEach(Partitioner.Create(items, EnumerablePartitionerOptions.NoBuffering), options, action);
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
    }

    /// <summary>Whether two tensors have the same bytes.</summary>
    public bool AreEqual(Checkpoint owner, Tensor tensor, ByteSource bytes, Checkpoint otherOwner, Tensor other, ByteSource otherBytes)
    {
        if (bytes.Length != otherBytes.Length)
        {
            return false;
        }
        byte[] buffer = ArrayPool<byte>.Shared.Rent(2 * ByteSource.ChunkBytes);
        try
        {
            for (long offset = 0; offset < bytes.Length; offset += ByteSource.ChunkBytes)
            {
                int length = (int)Math.Min(ByteSource.ChunkBytes, bytes.Length - offset);
                (Memory<byte> chunk, Memory<byte> otherChunk) = (buffer.AsMemory(0, length), buffer.AsMemory(ByteSource.ChunkBytes, length));
                cancellation.ThrowIfCancellationRequested();
                Named(owner, tensor, () => bytes.Read(offset, chunk.Span));
                Named(otherOwner, other, () => otherBytes.Read(offset, otherChunk.Span));
                read?.Invoke(2L * length);
                if (!chunk.Span.SequenceEqual(otherChunk.Span))
                {
                    return false;
                }
            }
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // In the order of their elements, all shapes of one count and type are alike; in other orders, shapes but for axes of one element.
    private static IEnumerable<List<Tensor>> Group(List<Tensor> open, bool isPermuted) => isPermuted
        ? open.GroupBy(static tensor => (tensor.DType, string.Join(',', tensor.Shape.Dimensions.ToArray().Where(static size => size != 1)))).Select(static group => group.ToList())
        : open.GroupBy(static tensor => (tensor.DType, tensor.Shape.ElementCount)).Select(static group => group.ToList());

    private List<Reading> Readings(Tensor sought, bool isCast, bool isPermuted)
    {
        List<Reading> readings = [];
        foreach (IGrouping<(DType DType, Shape Shape), Tensor> alike in _withinByCount[sought.Shape.ElementCount]
            .Where(tensor => (tensor.DType != sought.DType) == isCast)
            .GroupBy(static tensor => (tensor.DType, tensor.Shape)))
        {
            IReadOnlyList<ContentRelation> relations = [.. Relations(sought, alike.First(), isPermuted)];
            readings.AddRange(alike.SelectMany(tensor => relations.Select(relation => new Reading(tensor, relation))));
        }
        return readings;
    }

    private static IEnumerable<ContentRelation> Relations(Tensor tensor, Tensor other, bool isPermuted) => isPermuted
        ? ContentRelation.Permutations(other.DType, other.Shape, tensor.DType, tensor.Shape)
        : ContentRelation.InOrder(other.DType, other.Shape, tensor.DType, tensor.Shape) is { } inOrder ? [inOrder] : [];

    private void Hash(List<Sought> step)
    {
        List<Action> work = [];
        foreach (Sought sought in step)
        {
            work.AddRange(sought.Tensors.Where(tensor => !_hashes.ContainsKey(tensor)).Select(tensor => (Action)(() => _hashes[tensor] = Hash(of, tensor, tensor.Bytes))));
            work.AddRange(sought.Readings.Select(reading => (Action)(() => reading.Hash = Hash(within, reading.Tensor, reading.Bytes))));
        }
        ForEach(work, static action => action());
    }

    private UInt128 Hash(Checkpoint owner, Tensor tensor, ByteSource bytes)
    {
        XxHash128 hash = new();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ByteSource.ChunkBytes);
        try
        {
            Named(owner, tensor, () => bytes.ReadChunks(buffer.AsSpan(0, ByteSource.ChunkBytes), (_, chunk) =>
            {
                cancellation.ThrowIfCancellationRequested();
                hash.Append(chunk);
                read?.Invoke(chunk.Length);
            }));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return hash.GetCurrentHashAsUInt128();
    }

    private List<(Tensor Tensor, ContentCandidates Candidates)> Join(List<Sought> step)
    {
        List<(List<Tensor> Tensors, List<Reading> Readings)> classes = [];
        foreach (Sought sought in step)
        {
            ILookup<UInt128, Reading> readings = sought.Readings.ToLookup(static reading => reading.Hash);
            classes.AddRange(sought.Tensors.GroupBy(tensor => _hashes[tensor])
                .Where(group => readings.Contains(group.Key))
                .Select(group => (group.ToList(), readings[group.Key].ToList())));
        }
        // Equal hashes of different bytes do not happen unless somebody made them; such tensors then count as different.
        ConcurrentDictionary<object, bool> differing = [];
        ForEach([.. classes.SelectMany(group => Comparisons(group.Tensors, group.Readings, differing))], static compare => compare());
        List<(Tensor, ContentCandidates)> found = [];
        foreach ((List<Tensor> tensors, List<Reading> readings) in classes)
        {
            ContentCandidates candidates = new();
            foreach (Reading reading in readings.Where(reading => !differing.ContainsKey(reading)))
            {
                candidates.Add(reading.Tensor, reading.Relation);
            }
            if (candidates.Tensors.Count > 0)
            {
                found.AddRange(tensors.Where(tensor => !differing.ContainsKey(tensor)).Select(tensor => (tensor, candidates)));
            }
        }
        return found;
    }

    private IEnumerable<Action> Comparisons(List<Tensor> tensors, List<Reading> readings, ConcurrentDictionary<object, bool> differing)
    {
        Tensor first = tensors[0];
        foreach (Tensor tensor in tensors.Skip(1))
        {
            yield return () => Note(tensor, AreEqual(of, first, first.Bytes, of, tensor, tensor.Bytes));
        }
        foreach (Reading reading in readings)
        {
            yield return () => Note(reading, AreEqual(of, first, first.Bytes, within, reading.Tensor, reading.Bytes));
        }
        void Note(object member, bool isEqual)
        {
            if (!isEqual)
            {
                differing[member] = true;
            }
        }
    }

    // Whoever reads bytes knows neither tensor nor file.
    private static void Named(Checkpoint owner, Tensor tensor, Action reading)
    {
        try
        {
            reading();
        }
        catch (WeightFileException error) when (error.Tensor is null || error.File is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File ?? owner.Origin.Path, error.Tensor ?? tensor.Name, error.Offset, error);
        }
    }
}
