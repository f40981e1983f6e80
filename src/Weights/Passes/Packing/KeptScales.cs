namespace Weights.Passes.Packing;

/// <summary>
/// Scales and zero points of a weight that were found while its codes were made, kept until the parts that hold them have been read, so that the weight is read once. What is not kept is found again.
/// From any thread.
/// </summary>
/// <param name="budget">How many may be kept.</param>
/// <param name="readers">How many parts hold them.</param>
internal sealed class KeptScales(KeptScales.Budget budget, int readers)
{
    private readonly Lock _lock = new();
    private float[] _scales = [];
    private sbyte[] _zeroPoints = [];
    private bool[] _isKnown = [];
    private long _unread;

    /// <summary>Keeps some, if there is room for all.</summary>
    /// <param name="total">How many the weight has.</param>
    /// <param name="first">Index of the first.</param>
    /// <param name="scales">The scales, as they are stored.</param>
    /// <param name="zeroPoints">As many zero points.</param>
    public void Keep(long total, long first, ReadOnlySpan<float> scales, ReadOnlySpan<sbyte> zeroPoints)
    {
        lock (_lock)
        {
            if (_scales.Length == 0)
            {
                if (!budget.TryTake(total))
                {
                    return;
                }
                (_scales, _zeroPoints, _isKnown, _unread) = (new float[total], new sbyte[total], new bool[total], total * readers);
            }
            scales.CopyTo(_scales.AsSpan((int)first));
            zeroPoints.CopyTo(_zeroPoints.AsSpan((int)first));
            _isKnown.AsSpan((int)first, scales.Length).Fill(true);
        }
    }

    /// <summary>Reads some, if all of them are there; what has been read as often as there are parts is given up.</summary>
    /// <param name="first">Index of the first.</param>
    /// <param name="scales">Receives the scales.</param>
    /// <param name="zeroPoints">Receives as many zero points; empty where they are not wanted.</param>
    public bool TryRead(long first, Span<float> scales, Span<sbyte> zeroPoints)
    {
        lock (_lock)
        {
            if (_scales.Length == 0 || _isKnown.AsSpan((int)first, scales.Length).Contains(false))
            {
                return false;
            }
            _scales.AsSpan((int)first, scales.Length).CopyTo(scales);
            _zeroPoints.AsSpan((int)first, zeroPoints.Length).CopyTo(zeroPoints);
            _unread -= scales.Length;
            if (_unread <= 0)
            {
                budget.Give(_scales.Length);
                (_scales, _zeroPoints, _isKnown) = ([], [], []);
            }
            return true;
        }
    }

    /// <summary>How many scales of all weights of a file may be kept at a time: 6 bytes each.</summary>
    internal sealed class Budget
    {
        private long _left = 1 << 21;

        /// <summary>Takes some, if so many are left.</summary>
        public bool TryTake(long count)
        {
            if (Interlocked.Add(ref _left, -count) >= 0)
            {
                return true;
            }
            Give(count);
            return false;
        }

        /// <summary>Gives some back.</summary>
        public void Give(long count) => Interlocked.Add(ref _left, count);
    }
}
