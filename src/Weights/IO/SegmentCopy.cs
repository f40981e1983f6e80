using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace Weights.IO;

/// <summary>
/// Copies segments to their places in one file: every processor takes the next chunk, with one buffer of
/// <see cref="ByteSource.ChunkBytes"/> each. Checksums are taken on the way and put together afterwards.
/// </summary>
internal sealed class SegmentCopy
{
    private readonly SafeFileHandle _target;
    private readonly IReadOnlyList<Segment> _segments;
    private readonly CancellationToken _cancellation;
    private readonly Action<int>? _copied;
    private readonly uint[]?[] _chunkChecksums;
    private readonly Lock _lock = new();
    private int _segment;
    private long _offset;

    public SegmentCopy(SafeFileHandle target, IReadOnlyList<Segment> segments, Action<int>? copied, CancellationToken cancellation)
    {
        (_target, _segments, _cancellation, _copied) = (target, segments, cancellation, copied);
        _chunkChecksums = new uint[segments.Count][];
    }

    /// <summary>Copies everything; the CRC-32 of each segment, 0 where nobody needs one.</summary>
    /// <param name="processors">How many processors to use.</param>
    public uint[] Run(int processors)
    {
        int workers = (int)Math.Clamp(_segments.Sum(static segment => (segment.Bytes.Length / ByteSource.ChunkBytes) + 1), 1, processors);
        try
        {
            Parallel.For(0, workers, new ParallelOptions { CancellationToken = _cancellation, MaxDegreeOfParallelism = workers }, Work);
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
        uint[] checksums = new uint[_segments.Count];
        for (int index = 0; index < checksums.Length; index++)
        {
            checksums[index] = Checksum(index);
        }
        return checksums;
    }

    private void Work(int worker, ParallelLoopState state)
    {
        byte[] buffer = new byte[ByteSource.ChunkBytes];
        while (!state.IsExceptional && Take() is (int index, long offset, long length))
        {
            Segment segment = _segments[index];
            // One chunk, or all of a segment that must be read in order.
            for (long end = offset + length; offset < end; offset += buffer.Length)
            {
                _cancellation.ThrowIfCancellationRequested();
                Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset));
                try
                {
                    segment.Bytes.Read(offset, chunk);
                }
                catch (WeightFileException error) when (error.Tensor is null && segment.Tensor is not null)
                {
                    throw new WeightFileException(error.Fault, error.Reason, error.File, segment.Tensor, error.Offset, error);
                }
                if (_chunkChecksums[index] is { } checksums)
                {
                    checksums[offset / ByteSource.ChunkBytes] = Crc32Value.Of(chunk);
                }
                RandomAccess.Write(_target, chunk, segment.Offset + offset);
                _copied?.Invoke(chunk.Length);
            }
        }
    }

    private (int Segment, long Offset, long Length)? Take()
    {
        lock (_lock)
        {
            while (_segment < _segments.Count && _offset >= _segments[_segment].Bytes.Length)
            {
                (_segment, _offset) = (_segment + 1, 0);
            }
            if (_segment == _segments.Count)
            {
                return null;
            }
            Segment segment = _segments[_segment];
            if (_offset == 0 && (segment.NeedsCrc32 || segment.Bytes.Crc32 is not null))
            {
                _chunkChecksums[_segment] = new uint[((segment.Bytes.Length - 1) / ByteSource.ChunkBytes) + 1];
            }
            long length = segment.Bytes.ReadsForward ? segment.Bytes.Length : Math.Min(ByteSource.ChunkBytes, segment.Bytes.Length - _offset);
            (int, long, long) taken = (_segment, _offset, length);
            _offset += length;
            return taken;
        }
    }

    private uint Checksum(int index)
    {
        if (_chunkChecksums[index] is not { } chunks)
        {
            return 0;
        }
        Segment segment = _segments[index];
        uint checksum = chunks[0];
        for (int chunk = 1; chunk < chunks.Length; chunk++)
        {
            long length = Math.Min(ByteSource.ChunkBytes, segment.Bytes.Length - ((long)chunk * ByteSource.ChunkBytes));
            checksum = Crc32Value.Concatenate(checksum, chunks[chunk], length);
        }
        return segment.Bytes.Crc32 is { } recorded && recorded != checksum
            ? throw new WeightFileException(Fault.Corrupt, $"its bytes have the CRC-32 {checksum:x8}, but {recorded:x8} was recorded when they were written: the file is damaged; get a fresh copy", tensor: segment.Tensor)
            : checksum;
    }
}
