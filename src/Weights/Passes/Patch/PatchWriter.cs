using System.Runtime.ExceptionServices;
using Weights.Passes.Checksums;

namespace Weights.Passes.Patch;

/// <summary>
/// Makes a patch. Frames are read in order, a few at a time, and made by all processors; how a tensor's are made is tried on its first one, so that
/// the same checkpoints always give the same patch.
/// </summary>
public sealed class PatchWriter
{
    // Each has 4 MiB of buffers.
    private const int MostWorkers = 8;

    // Below this share of its bytes a difference is of so few words that zeros between them compress better where they are.
    private const int FewChanges = 4;

    private readonly Stream _stream;
    private readonly Action<long>? _read;
    private readonly CancellationToken _cancellation;
    private readonly long _start;
    private long _offset = PatchFile.HeadBytes;

    private PatchWriter(Stream stream, Action<long>? read, CancellationToken cancellation)
    {
        (_stream, _read, _cancellation, _start) = (stream, read, cancellation, stream.Position);
    }

    /// <summary>Writes the patch that makes one checkpoint of another.</summary>
    /// <param name="from">Digests of the base.</param>
    /// <param name="target">What the patch is to make.</param>
    /// <param name="to">Digests of that.</param>
    /// <param name="stream">Receives the patch; its first bytes are written last.</param>
    /// <param name="read">Is told how many bytes more of the target have been read, or need not be.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>What the patch has for each tensor of the target, in its order.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="IOException">A file could not be read or written.</exception>
    /// <exception cref="WeightFileException">The stored bytes of a tensor are broken, or a name cannot be in a patch.</exception>
    public static IReadOnlyList<PatchTensor> Write(Checksum from, Checkpoint target, Checksum to, Stream stream, Action<long>? read = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(stream);
        PatchWriter writer = new(stream, read, cancellation);
        PatchDraft[] drafts = PatchDraft.Of(from, to);
        writer.WriteFrames(drafts);
        PatchIndex index = new()
        {
            BaseId = from.Id,
            BaseTensors = (ulong)from.Tensors.Count,
            TargetId = to.Id,
            Framework = target.Origin.Framework,
            Metadata = target.Metadata,
            Tensors = [.. drafts.Select(static draft => draft.ToTensor())],
            Aliases = target.Aliases,
        };
        byte[] bytes = index.ToBytes();
        stream.Write(bytes);
        stream.Position = writer._start;
        stream.Write(PatchFile.Head(writer._offset, bytes));
        return index.Tensors;
    }

    private void WriteFrames(PatchDraft[] drafts)
    {
        _stream.Write(new byte[PatchFile.HeadBytes]);
        FrameWork[] work = [.. Enumerable.Range(0, Math.Min(2 * Environment.ProcessorCount, MostWorkers)).Select(static _ => new FrameWork())];
        try
        {
            List<FrameWork> batch = [];
            foreach (PatchDraft draft in drafts)
            {
                long frames = draft.Method is PatchMethod.Delta or PatchMethod.Stored ? PatchTensor.FrameCount(draft.Target.Bytes.Length) : 0;
                _read?.Invoke(frames == 0 ? draft.Target.Bytes.Length : 0);
                for (long frame = 0; frame < frames; frame++)
                {
                    // The frames behind a tensor's first one are made as that turns out to be.
                    if (batch.Count == work.Length || (frame == 1 && batch.Count > 0))
                    {
                        Write(batch);
                    }
                    FrameWork next = work[batch.Count];
                    next.Read(draft, frame);
                    batch.Add(next);
                }
            }
            Write(batch);
        }
        finally
        {
            foreach (FrameWork one in work)
            {
                one.Dispose();
            }
        }
    }

    private void Write(List<FrameWork> batch)
    {
        _cancellation.ThrowIfCancellationRequested();
        try
        {
            Parallel.ForEach(batch, static work => work.Compress());
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.Flatten().InnerExceptions[0]);
        }
        foreach (FrameWork work in batch)
        {
            ReadOnlySpan<byte> compressed = work.Compressed;
            _stream.Write(compressed);
            work.Draft.Frames.Add(new Frame(_offset, compressed.Length, FrameCodec.Checksum(compressed)));
            _offset += compressed.Length;
            _read?.Invoke(work.Length);
        }
        batch.Clear();
    }

    // One frame in the making.
    private sealed class FrameWork : IDisposable
    {
        private readonly FrameCodec _codec = new();
        private readonly byte[] _bytes = new byte[Frame.Bytes];
        private readonly byte[] _others = new byte[Frame.Bytes];
        private byte[] _compressed = new byte[FrameCodec.MostCompressed];
        private byte[] _other = new byte[FrameCodec.MostCompressed];
        private long _index;
        private int _compressedLength;

        public PatchDraft Draft { get; private set; } = null!;

        public int Length { get; private set; }

        public ReadOnlySpan<byte> Compressed => _compressed.AsSpan(0, _compressedLength);

        public void Read(PatchDraft draft, long index)
        {
            (Draft, _index) = (draft, index);
            Length = (int)Math.Min(Frame.Bytes, draft.Target.Bytes.Length - (index * Frame.Bytes));
            draft.Target.Bytes.Read(index * Frame.Bytes, _bytes.AsSpan(0, Length));
            if (draft.Method == PatchMethod.Delta)
            {
                draft.Source!.Bytes.Read(index * Frame.Bytes, _others.AsSpan(0, Length));
            }
        }

        public void Compress()
        {
            Span<byte> bytes = _bytes.AsSpan(0, Length);
            if (Draft.Method == PatchMethod.Delta)
            {
                FrameCodec.Xor(bytes, _others.AsSpan(0, Length));
            }
            int words = Draft.Target.DType.WordBytes;
            _compressedLength = _codec.Compress(bytes, _index == 0 || Draft.HasPlanes ? words : 1, _compressed);
            if (_index > 0)
            {
                return;
            }
            Draft.HasPlanes = words > 1;
            if (words > 1 && _compressedLength < Length / FewChanges && Try(bytes, 1))
            {
                Draft.HasPlanes = false;
            }
            else if (Draft.Method == PatchMethod.Delta && _compressedLength > Length / 2)
            {
                // A difference from numbers that have nothing to do with them is no smaller than the numbers themselves.
                FrameCodec.Xor(bytes, _others.AsSpan(0, Length));
                Draft.Method = Try(bytes, words) ? PatchMethod.Stored : PatchMethod.Delta;
            }
        }

        public void Dispose() => _codec.Dispose();

        // Takes another way of making the frame if that is smaller.
        private bool Try(ReadOnlySpan<byte> bytes, int words)
        {
            int length = _codec.Compress(bytes, words, _other);
            if (length >= _compressedLength)
            {
                return false;
            }
            (_compressed, _other, _compressedLength) = (_other, _compressed, length);
            return true;
        }
    }
}
