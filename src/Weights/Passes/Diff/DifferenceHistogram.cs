namespace Weights.Passes.Diff;

/// <summary>Counts differences by their exponents, which can be put together with those of others.</summary>
internal sealed class DifferenceHistogram
{
    private const int Exponents = 2048; // Of a double.
    private const int Bias = 1023;
    private const int Special = Exponents - 1; // Of NaN and infinity.
    private const int Row = Exponents + 1; // And a place for what is not counted.

    // Differences of one size come one after the other: each waits for the count of the one before unless it has another table.
    private const int Tables = 4;

    private readonly long[] _counts = new long[Tables * Row];

    /// <summary>Adds pairs.</summary>
    public void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        b = b[..a.Length];
        Span<long> special = stackalloc long[Tables];
        for (int table = 0; table < Tables; table++)
        {
            special[table] = _counts[(table * Row) + Special];
        }
        for (int index = 0; index < a.Length; index++)
        {
            bool isSame = BitConverter.SingleToInt32Bits(a[index]) == BitConverter.SingleToInt32Bits(b[index]);
            Count((double)b[index] - a[index], isSame, index);
        }
        // The difference of two finite floats is finite as a double: what is not was NaN or infinite before.
        for (int table = 0; table < Tables; table++)
        {
            _counts[(table * Row) + Special] = special[table];
        }
    }

    /// <summary>As for floats.</summary>
    public void Add(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        b = b[..a.Length];
        for (int index = 0; index < a.Length; index++)
        {
            bool isCounted = BitConverter.DoubleToInt64Bits(a[index]) != BitConverter.DoubleToInt64Bits(b[index]) && double.IsFinite(a[index]) && double.IsFinite(b[index]);
            Count(b[index] - a[index], !isCounted, index);
        }
    }

    /// <summary>Adds what another has counted.</summary>
    public void Add(DifferenceHistogram other)
    {
        for (int index = 0; index < _counts.Length; index++)
        {
            _counts[index] += other._counts[index];
        }
    }

    /// <summary>The counts, as <see cref="DifferenceStatistics.Histogram"/> has them.</summary>
    public long[] ToClasses()
    {
        const int lowest = 64;
        long[] classes = new long[DifferenceStatistics.HistogramClasses];
        for (int exponent = 0; exponent < Exponents; exponent++)
        {
            int place = Math.Clamp(exponent - Bias + lowest, 0, classes.Length - 1);
            for (int table = 0; table < Tables; table++)
            {
                classes[place] += _counts[(table * Row) + exponent];
            }
        }
        return classes;
    }

    private void Count(double difference, bool isLeftOut, int index)
    {
        unchecked
        {
            int exponent = isLeftOut ? Exponents : (int)(BitConverter.DoubleToUInt64Bits(difference) >> 52) & (Exponents - 1);
            _counts[((index % Tables) * Row) + exponent]++;
        }
    }
}
