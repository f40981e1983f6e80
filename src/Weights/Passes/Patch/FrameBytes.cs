namespace Weights.Passes.Patch;

/// <summary>The bytes of a tensor that a patch has frames for, made when they are read.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="path">Path of the patch, for errors.</param>
/// <param name="patch">The file.</param>
/// <param name="of">The bytes of the base that the frames are a difference from; null where they are none.</param>
/// <param name="buffers">Room for frames.</param>
internal sealed class FrameBytes(PatchTensor tensor, string path, ByteSource patch, ByteSource? of, FrameBuffers buffers) : ByteSource
{
    private readonly int _wordBytes = tensor.HasPlanes ? tensor.DType.WordBytes : 1;

    /// <inheritdoc/>
    public override long Length => tensor.Bytes;

    /// <inheritdoc/>
    public override bool ReadsForward => of?.ReadsForward ?? false;

    /// <inheritdoc/>
    protected override void ReadCore(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            (long index, long skip) = Math.DivRem(offset, Frame.Bytes);
            int length = (int)Math.Min(Frame.Bytes, tensor.Bytes - (index * Frame.Bytes));
            int taken = (int)Math.Min(destination.Length, length - skip);
            ReadFrame(index, length, (int)skip, destination[..taken]);
            offset += taken;
            destination = destination[taken..];
        }
    }

    private void ReadFrame(long index, int length, int skip, Span<byte> destination)
    {
        FrameBuffer buffer = buffers.Take(this, index);
        try
        {
            if (buffer.Owner != this || buffer.Index != index)
            {
                buffer.Owner = null;
                Make(buffer, index, buffer.Bytes.AsSpan(0, length));
                (buffer.Owner, buffer.Index) = (this, index);
            }
            buffer.Bytes.AsSpan(skip, destination.Length).CopyTo(destination);
        }
        finally
        {
            buffers.Return(buffer);
        }
    }

    private void Make(FrameBuffer buffer, long index, Span<byte> bytes)
    {
        Frame frame = tensor.Frames[(int)index];
        Span<byte> compressed = buffer.Spare.AsSpan(0, frame.Length);
        patch.Read(frame.Offset, compressed);
        try
        {
            buffer.Codec.Decompress(compressed, frame, _wordBytes, bytes);
        }
        catch (WeightFileException error)
        {
            throw new WeightFileException(error.Fault, error.Reason, path, tensor.Name, error.Offset, error);
        }
        if (of is not null)
        {
            Span<byte> others = buffer.Spare.AsSpan(0, bytes.Length);
            of.Read(index * Frame.Bytes, others);
            FrameCodec.Xor(bytes, others);
        }
    }
}
