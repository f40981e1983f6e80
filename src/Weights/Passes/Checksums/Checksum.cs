using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;

namespace Weights.Passes.Checksums;

/// <summary>A tensor and the digest of its bytes.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Digest">Of its bytes: little-endian, row-major, contiguous.</param>
public sealed record TensorDigest(Tensor Tensor, byte[] Digest);

/// <summary>
/// The digests of a checkpoint's tensors, and the one number that stands for all of them: equal for the same tensors in any format, in any order, in one
/// file or many.
/// </summary>
/// <remarks>
/// <c>leaf = SHA-256("weights-tensor-v1\0" + dtype + "\0" + rank and dimensions as u64 LE + length of the name as u64 LE + name in UTF-8 + digest)</c>; the leaves, sorted by
/// the UTF-8 bytes of the names, give <c>id = SHA-256("weights-checkpoint-v1\0" + count as u64 LE + leaves)</c>. Each digest is a plain one of the tensor's bytes, so that
/// three lines of Python can check it.
/// </remarks>
public sealed class Checksum
{
    // Large enough that system calls do not show, small enough for the second-level cache.
    private const int BufferBytes = 256 << 10;

    private Checksum(DigestAlgorithm algorithm, IReadOnlyList<TensorDigest> tensors) => (Algorithm, Tensors, Id) = (algorithm, tensors, IdOf(algorithm, Manifest.Listed(tensors)));

    /// <summary>How the tensors were digested.</summary>
    public DigestAlgorithm Algorithm { get; }

    /// <summary>In the checkpoint's order.</summary>
    public IReadOnlyList<TensorDigest> Tensors { get; }

    /// <summary>The id, in hexadecimal digits; where the tensors' digests are not SHA-256, behind the name of their algorithm and a colon.</summary>
    public string Id { get; }

    /// <summary>Reads every tensor once, one for each processor at a time, the largest first; bytes that several names share are read once.</summary>
    /// <param name="checkpoint">The tensors.</param>
    /// <param name="algorithm">How to digest them.</param>
    /// <param name="read">Is told, from any thread, how many bytes more have been read.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    /// <exception cref="WeightFileException">The stored bytes of a tensor are broken.</exception>
    public static Checksum Of(Checkpoint checkpoint, DigestAlgorithm algorithm, Action<long>? read = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        Tensor[] sources = [.. checkpoint.Tensors.DistinctBy(static tensor => tensor.Bytes, (IEqualityComparer<ByteSource>)ReferenceEqualityComparer.Instance).OrderByDescending(static tensor => tensor.Bytes.Length)];
        ConcurrentDictionary<ByteSource, byte[]> digests = new((IEqualityComparer<ByteSource>)ReferenceEqualityComparer.Instance);
        ConcurrentBag<byte[]> buffers = [];
        ParallelOptions options = new() { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.ForEach(Partitioner.Create(sources, EnumerablePartitionerOptions.NoBuffering), options, tensor =>
            {
                byte[] buffer = buffers.TryTake(out byte[]? idle) ? idle : new byte[BufferBytes];
                digests[tensor.Bytes] = Digest(tensor, checkpoint, algorithm, buffer, read, cancellation);
                buffers.Add(buffer);
            });
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
        return new Checksum(algorithm, [.. checkpoint.Tensors.Select(tensor => new TensorDigest(tensor, digests[tensor.Bytes]))]);
    }

    private static byte[] Digest(Tensor tensor, Checkpoint checkpoint, DigestAlgorithm algorithm, byte[] buffer, Action<long>? read, CancellationToken cancellation)
    {
        SourceCheck check = new(tensor.Bytes);
        try
        {
            return algorithm.Digest(tensor.Bytes, buffer, (offset, chunk) =>
            {
                cancellation.ThrowIfCancellationRequested();
                check.Saw(offset, chunk);
                read?.Invoke(chunk.Length);
            });
        }
        catch (WeightFileException error) when (error.Tensor is null || error.File is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File ?? checkpoint.Origin.Path, error.Tensor ?? tensor.Name, error.Offset, error);
        }
    }

    internal static string IdOf(DigestAlgorithm algorithm, IReadOnlyList<ManifestTensor> tensors)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData("weights-checkpoint-v1\0"u8);
        Append(hash, (ulong)tensors.Count);
        foreach (ManifestTensor tensor in tensors.OrderBy(static tensor => tensor.Name, CodePointOrder.Instance))
        {
            hash.AppendData(Leaf(tensor));
        }
        string digits = Convert.ToHexStringLower(hash.GetHashAndReset());
        return algorithm == DigestAlgorithm.Sha256 ? digits : $"{algorithm.Name()}:{digits}";
    }

    private static byte[] Leaf(ManifestTensor tensor)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData("weights-tensor-v1\0"u8);
        hash.AppendData(Encoding.UTF8.GetBytes(tensor.DType));
        hash.AppendData("\0"u8);
        Append(hash, (ulong)tensor.Shape.Count);
        foreach (long dimension in tensor.Shape)
        {
            Append(hash, unchecked((ulong)dimension));
        }
        byte[] name = Encoding.UTF8.GetBytes(tensor.Name);
        Append(hash, (ulong)name.Length);
        hash.AppendData(name);
        hash.AppendData(Convert.FromHexString(tensor.Digest));
        return hash.GetHashAndReset();
    }

    private static void Append(IncrementalHash hash, ulong number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
