using Weights.Passes.Diff;

namespace Weights.Passes.Quantize;

/// <summary>What quantising did to the numbers of a tensor, measured while its bytes are written.</summary>
public sealed class QuantizationErrors
{
    // By first element: a chunk is measured by whoever writes it, and blocks at the edge of two chunks are made twice.
    private readonly SortedDictionary<long, (DifferenceSums Sums, long Overflowed)> _parts = [];

    internal void Saw(long first, DifferenceSums sums, long overflowed)
    {
        lock (_parts)
        {
            _parts[first] = (sums, overflowed);
        }
    }

    /// <summary>Finite numbers beyond the range of the new type.</summary>
    public long Overflowed
    {
        get
        {
            lock (_parts)
            {
                return _parts.Values.Sum(static part => part.Overflowed);
            }
        }
    }

    /// <summary>The numbers as they were (a) and as they now are (b); null while nothing has been written.</summary>
    public DifferenceStatistics? Statistics => Of([this]);

    /// <summary>Those of several tensors together.</summary>
    public static DifferenceStatistics? Of(IEnumerable<QuantizationErrors> all)
    {
        ArgumentNullException.ThrowIfNull(all);
        DifferenceSums total = new();
        bool hasAny = false;
        foreach (QuantizationErrors errors in all)
        {
            lock (errors._parts)
            {
                foreach ((DifferenceSums sums, _) in errors._parts.Values)
                {
                    total.Add(sums);
                    hasAny = true;
                }
            }
        }
        return hasAny ? total.ToStatistics(hasUlps: false) : null;
    }
}
