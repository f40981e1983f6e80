using System.Runtime.InteropServices;
using Weights.DTypes;

namespace Weights.Passes.Diff;

/// <summary>Reads ranges of two tensors of one shape and compares them; one for each thread, with buffers that are used again and again.</summary>
internal sealed class PairReader(string fileA, string fileB)
{
    /// <summary>Elements that are compared by whoever has taken them: the unit of work, and of the order in which sums are put together.</summary>
    public const int ChunkElements = 1 << 20;

    // Two batches of doubles, two of bytes, and what is read ahead stay in the second-level cache.
    private const int BatchElements = 1 << 15;

    private const int ProbeBytes = 1 << 12;

    private readonly byte[] _bytesA = new byte[BatchElements * 16];
    private readonly byte[] _bytesB = new byte[BatchElements * 16];
    private float[] _floatsA = [];
    private float[] _floatsB = [];
    private double[] _doublesA = [];
    private double[] _doublesB = [];

    /// <summary>Whether a chunk of two tensors of one type has the same bytes.</summary>
    public bool AreSame(Tensor a, Tensor b, long chunk)
    {
        (long start, long end) = Range(a, chunk);
        int length = 0;
        for (long offset = start; offset < end; offset += length)
        {
            // What differs mostly does so soon, and is read again then.
            length = (int)Math.Min(offset == start ? ProbeBytes : _bytesA.Length, end - offset);
            Read(a, fileA, offset, _bytesA.AsSpan(0, length));
            Read(b, fileB, offset, _bytesB.AsSpan(0, length));
            if (!_bytesA.AsSpan(0, length).SequenceEqual(_bytesB.AsSpan(0, length)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Compares a chunk.</summary>
    public DifferenceSums Compare(Tensor a, Tensor b, long chunk, DiffOptions options)
    {
        DifferenceSums sums = new() { HasHistogram = options.HasHistograms };
        long first = chunk * ChunkElements;
        long end = Math.Min(a.Shape.ElementCount, first + ChunkElements);
        bool areFloats = IsFloat(a.DType) && IsFloat(b.DType);
        bool hasUlps = a.DType == b.DType && UlpDistance.IsDefined(a.DType);
        for (; first < end; first += BatchElements)
        {
            int count = (int)Math.Min(BatchElements, end - first);
            ReadOnlySpan<byte> bytesA = ReadBatch(a, fileA, first, count, _bytesA);
            ReadOnlySpan<byte> bytesB = ReadBatch(b, fileB, first, count, _bytesB);
            if (areFloats)
            {
                sums.Add(Floats(a.DType, bytesA, count, ref _floatsA), Floats(b.DType, bytesB, count, ref _floatsB), first, options.Tolerance);
            }
            else
            {
                int components = Math.Max(a.DType.Components, b.DType.Components);
                sums.Add(Doubles(a.DType, bytesA, count, components, ref _doublesA), Doubles(b.DType, bytesB, count, components, ref _doublesB), first * components, options.Tolerance);
            }
            if (hasUlps)
            {
                sums.Ulps = Math.Max(sums.Ulps, UlpDistance.Largest(a.DType, bytesA, bytesB));
            }
        }
        return sums;
    }

    /// <summary>How many chunks a tensor has.</summary>
    public static long Chunks(Tensor tensor) => (tensor.Shape.ElementCount + ChunkElements - 1) / ChunkElements;

    /// <summary>Where the bytes of a chunk are.</summary>
    public static (long Start, long End) Range(Tensor tensor, long chunk)
    {
        long first = chunk * ChunkElements;
        return (first / tensor.DType.BlockLength * tensor.DType.BlockBytes, Math.Min(tensor.Bytes.Length, (first + ChunkElements) / tensor.DType.BlockLength * tensor.DType.BlockBytes));
    }

    /// <summary>Reads bytes of a tensor; an error names it and its file.</summary>
    public static void Read(Tensor tensor, string file, long offset, Span<byte> bytes)
    {
        try
        {
            tensor.Bytes.Read(offset, bytes);
        }
        catch (WeightFileException error) when (error.Tensor is null || error.File is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File ?? file, error.Tensor ?? tensor.Name, error.Offset, error);
        }
    }

    // Types whose every number is one of F32: the others go through doubles.
    private static bool IsFloat(DType dtype) => dtype.Components == 1 && (dtype == DType.F32 || dtype.BitsPerElement <= 16);

    private static ReadOnlySpan<byte> ReadBatch(Tensor tensor, string file, long first, int count, byte[] buffer)
    {
        DType dtype = tensor.DType;
        int length = (count + dtype.BlockLength - 1) / dtype.BlockLength * dtype.BlockBytes;
        Span<byte> bytes = buffer.AsSpan(0, length);
        Read(tensor, file, first / dtype.BlockLength * dtype.BlockBytes, bytes);
        return bytes;
    }

    private static ReadOnlySpan<float> Floats(DType dtype, ReadOnlySpan<byte> bytes, int count, ref float[] buffer)
    {
        if (dtype == DType.F32)
        {
            return MemoryMarshal.Cast<byte, float>(bytes)[..count];
        }
        int blocks = bytes.Length / dtype.BlockBytes * dtype.BlockLength;
        if (buffer.Length < blocks)
        {
            buffer = new float[Math.Max(blocks, BatchElements)];
        }
        Conversion.Between(dtype, DType.F32)(bytes, MemoryMarshal.AsBytes(buffer.AsSpan(0, blocks)));
        return buffer.AsSpan(0, count);
    }

    // A real number beside a complex one is one without imaginary part.
    private static ReadOnlySpan<double> Doubles(DType dtype, ReadOnlySpan<byte> bytes, int count, int components, ref double[] buffer)
    {
        int numbers = bytes.Length / dtype.BlockBytes * dtype.BlockLength * components;
        if (buffer.Length < numbers)
        {
            buffer = new double[Math.Max(numbers, BatchElements * components)];
        }
        if (dtype.Components == components)
        {
            dtype.Decode(bytes, buffer.AsSpan(0, numbers));
            return buffer.AsSpan(0, count * components);
        }
        dtype.Decode(bytes, buffer.AsSpan(0, numbers / components));
        for (int index = count - 1; index >= 0; index--)
        {
            (buffer[2 * index], buffer[(2 * index) + 1]) = (buffer[index], 0);
        }
        return buffer.AsSpan(0, count * components);
    }
}
