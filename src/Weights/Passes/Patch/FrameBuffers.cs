namespace Weights.Passes.Patch;

/// <summary>
/// Frames in the making and those made last: one for each thread that reads, whatever the number of tensors. Small reads one after the other
/// make a frame once.
/// </summary>
internal sealed class FrameBuffers : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<FrameBuffer> _idle = []; // The one used last at the end.
    private bool _isDisposed;

    /// <summary>A buffer for one frame of one tensor, with its bytes if it has them still; to be given back.</summary>
    public FrameBuffer Take(FrameBytes owner, long frame)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            int index = _idle.FindLastIndex(buffer => buffer.Owner == owner && buffer.Index == frame);
            index = index < 0 ? Math.Min(0, _idle.Count - 1) : index;
            if (index < 0)
            {
                return new FrameBuffer();
            }
            FrameBuffer taken = _idle[index];
            _idle.RemoveAt(index);
            return taken;
        }
    }

    /// <summary>Takes one back.</summary>
    public void Return(FrameBuffer buffer)
    {
        lock (_lock)
        {
            if (!_isDisposed)
            {
                _idle.Add(buffer);
                return;
            }
        }
        buffer.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _idle.ForEach(static buffer => buffer.Dispose());
            _idle.Clear();
        }
    }
}

/// <summary>Room for one frame, before and after it is decompressed.</summary>
internal sealed class FrameBuffer : IDisposable
{
    /// <summary>The tensor that the frame is of; null before it is made.</summary>
    public FrameBytes? Owner { get; set; }

    /// <summary>Which frame of the tensor.</summary>
    public long Index { get; set; }

    /// <summary>The frame's bytes of the tensor.</summary>
    public byte[] Bytes { get; } = new byte[Frame.Bytes];

    /// <summary>For what the patch has for them, or the base.</summary>
    public byte[] Spare { get; } = new byte[Frame.Bytes];

    /// <summary>Makes one of the other.</summary>
    public FrameCodec Codec { get; } = new();

    /// <inheritdoc/>
    public void Dispose() => Codec.Dispose();
}
