using System.Buffers;
using System.Runtime.ExceptionServices;

namespace Weights.Passes;

/// <summary>What the numbers of a tensor are like. Of complex numbers, both parts count as numbers; of booleans, 0 and 1.</summary>
public sealed record TensorStatistics
{
    // Below, a tensor is looked at in a few milliseconds, which starting other processors would not shorten.
    private const long ParallelFrom = 1 << 22;

    // 4096 doubles are 32 KB: they stay in the first-level cache while they are looked at three times.
    private const int BatchNumbers = 4096;

    /// <summary>All numbers, whatever they are.</summary>
    public required long Count { get; init; }

    /// <summary>
    /// Least finite number, or null when there is none. 64-bit integers beyond 2⁵³ are rounded to the nearest double, here and below.
    /// </summary>
    public required double? Min { get; init; }

    /// <summary>Greatest finite number, or null when there is none.</summary>
    public required double? Max { get; init; }

    /// <summary>Mean of the finite numbers, or null when there is none.</summary>
    public required double? Mean { get; init; }

    /// <summary>
    /// Standard deviation of the finite numbers: the root of their mean squared distance from the mean (NumPy's <c>std()</c>;
    /// PyTorch's with <c>correction=0</c>). Null when there is none.
    /// </summary>
    public required double? StandardDeviation { get; init; }

    /// <summary>Numbers that are 0 or −0.</summary>
    public required long Zeros { get; init; }

    /// <summary>Numbers that are NaN.</summary>
    public required long NaNs { get; init; }

    /// <summary>Numbers that are infinite, of either sign.</summary>
    public required long Infinities { get; init; }

    /// <summary>
    /// Reads all of the tensor once, a chunk at a time. The result does not depend on the number of processors: chunks are the same
    /// everywhere and are put together in their order.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    /// <exception cref="WeightFileException">The stored bytes are broken, or do not have the checksum recorded for them.</exception>
    public static TensorStatistics Of(Tensor tensor, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        SourceCheck check = new(tensor.Bytes);
        int chunkBytes = Math.Max(1, ByteSource.ChunkBytes / tensor.DType.BlockBytes) * tensor.DType.BlockBytes;
        Moments[] chunks = new Moments[(tensor.Bytes.Length + chunkBytes - 1) / chunkBytes];
        void Look(int index) => chunks[index] = OfChunk(tensor, check, (long)index * chunkBytes, chunkBytes);
        try
        {
            if (tensor.Bytes.ReadsForward || tensor.Shape.ElementCount < ParallelFrom)
            {
                for (int index = 0; index < chunks.Length; index++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    Look(index);
                }
            }
            else
            {
                Parallel.For(0, chunks.Length, new ParallelOptions { CancellationToken = cancellation }, Look);
            }
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
        Moments all = default;
        foreach (Moments chunk in chunks)
        {
            all.Add(chunk);
        }
        return all.ToStatistics();
    }

    private static Moments OfChunk(Tensor tensor, SourceCheck check, long offset, int chunkBytes)
    {
        DType dtype = tensor.DType;
        int length = (int)Math.Min(chunkBytes, tensor.Bytes.Length - offset);
        int perBlock = dtype.BlockLength * dtype.Components;
        // What the last byte of packed numbers has besides the last of them is none of the tensor's numbers.
        long left = (tensor.Shape.ElementCount * dtype.Components) - (offset / dtype.BlockBytes * perBlock);
        int batchBlocks = Math.Max(1, BatchNumbers / perBlock);
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        double[] numbers = ArrayPool<double>.Shared.Rent(batchBlocks * perBlock);
        try
        {
            ReadOnlySpan<byte> rest = bytes.AsSpan(0, length);
            tensor.Bytes.Read(offset, bytes.AsSpan(0, length));
            check.Saw(offset, rest);
            Moments moments = default;
            while (!rest.IsEmpty)
            {
                int blocks = Math.Min(batchBlocks, rest.Length / dtype.BlockBytes);
                Span<double> values = numbers.AsSpan(0, blocks * perBlock);
                dtype.Decode(rest[..(blocks * dtype.BlockBytes)], values);
                values = values[..(int)Math.Min(values.Length, left)];
                left -= values.Length;
                moments.Add(Moments.Of(values));
                rest = rest[(blocks * dtype.BlockBytes)..];
            }
            return moments;
        }
        catch (WeightFileException error) when (error.Tensor is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File, tensor.Name, error.Offset, error);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
            ArrayPool<double>.Shared.Return(numbers);
        }
    }
}
