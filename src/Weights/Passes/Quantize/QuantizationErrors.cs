using Weights.Passes.Diff;

namespace Weights.Passes.Quantize;

/// <summary>What quantising did to the numbers of a tensor, measured while its bytes are written.</summary>
public sealed class QuantizationErrors
{
    // Parts that have come too early, by first element: about as many as there are processors. What comes twice (blocks at the edge of two chunks, and all
    // of it where a checksum reads it too) counts once: a part counts only where the parts before it end.
    private readonly SortedDictionary<long, Part> _early = [];
    private readonly DifferenceSums _sums = new();
    private long _end;
    private long _overflowed;

    /// <summary>Notes what became of some elements.</summary>
    /// <param name="first">Index of the first.</param>
    /// <param name="count">How many.</param>
    /// <param name="sums">Their differences.</param>
    /// <param name="overflowed">How many are beyond the range of the new type.</param>
    internal void Saw(long first, long count, DifferenceSums sums, long overflowed)
    {
        lock (_early)
        {
            if (first >= _end)
            {
                _early[first] = new Part(count, sums, overflowed);
            }
            while (_early.Count > 0 && _early.First() is { Key: var start, Value: var part } && start <= _end)
            {
                _early.Remove(start);
                if (start == _end)
                {
                    _sums.Add(part.Sums);
                    _overflowed += part.Overflowed;
                    _end += part.Count;
                }
            }
        }
    }

    /// <summary>Finite numbers beyond the range of the new type.</summary>
    public long Overflowed
    {
        get
        {
            lock (_early)
            {
                return _overflowed;
            }
        }
    }

    /// <summary>The numbers as they were (a) and as they now are (b), from the first on; null while nothing has been written.</summary>
    public DifferenceStatistics? Statistics => Of([this]);

    /// <summary>Those of several tensors together.</summary>
    public static DifferenceStatistics? Of(IEnumerable<QuantizationErrors> all)
    {
        ArgumentNullException.ThrowIfNull(all);
        DifferenceSums total = new();
        bool hasAny = false;
        foreach (QuantizationErrors errors in all)
        {
            lock (errors._early)
            {
                hasAny |= errors._end > 0;
                total.Add(errors._sums);
            }
        }
        return hasAny ? total.ToStatistics(hasUlps: false) : null;
    }

    private sealed record Part(long Count, DifferenceSums Sums, long Overflowed);
}
