using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes;

/// <summary>
/// Counts, extremes, mean and standard deviation of some numbers, which can be put together with those of others.
/// </summary>
/// <remarks>
/// A batch of a few thousand numbers is looked at several times: its mean first, then the deviations from it, whose own
/// mean corrects both (the corrected two-pass algorithm). Batches are put together pairwise; both are in Chan, Golub and LeVeque,
/// "Algorithms for Computing the Sample Variance" (1983). A plain sum of 10⁹ numbers could lose nine of its sixteen digits.
/// Four lanes, added up in one order and without fused operations, give the same result on every machine.
/// </remarks>
internal struct Moments
{
    private long _count;
    private long _finite;
    private long _zeros;
    private long _nans;
    private double _min;
    private double _max;
    private double _mean;
    private double _deviation;

    /// <summary>Of the numbers in <paramref name="values"/>, whose order it may change.</summary>
    public static Moments Of(Span<double> values)
    {
        Moments moments = new() { _count = values.Length };
        if (!AllFinite(values))
        {
            values = moments.TakeFinite(values);
        }
        moments._finite = values.Length;
        if (values.Length > 0)
        {
            moments.FindExtremes(values);
            moments.FindDeviation(values);
        }
        return moments;
    }

    /// <summary>Adds the numbers that <paramref name="other"/> is about.</summary>
    public void Add(in Moments other)
    {
        _count += other._count;
        _nans += other._nans;
        _zeros += other._zeros;
        if (other._finite == 0)
        {
            return;
        }
        if (_finite == 0)
        {
            (_finite, _min, _max, _mean, _deviation) = (other._finite, other._min, other._max, other._mean, other._deviation);
            return;
        }
        (_min, _max) = (Math.Min(_min, other._min), Math.Max(_max, other._max));
        double all = (double)_finite + other._finite;
        (double ours, double theirs) = (_finite / all, other._finite / all);
        // Half the distance of the means, since the whole may be more than a double holds.
        double half = (other._mean / 2) - (_mean / 2);
        _deviation = RootOfSquares(Math.Sqrt(ours) * _deviation, Math.Sqrt(theirs) * other._deviation, 2 * Math.Sqrt(ours * theirs) * half);
        _mean += half * (2 * theirs);
        _finite += other._finite;
    }

    /// <summary>What is known of all numbers added.</summary>
    public readonly TensorStatistics ToStatistics() => new()
    {
        Count = _count,
        Min = _finite > 0 ? _min : null,
        Max = _finite > 0 ? _max : null,
        Mean = _finite > 0 ? _mean : null,
        StandardDeviation = _finite > 0 ? _deviation : null,
        Zeros = _zeros,
        NaNs = _nans,
        Infinities = _count - _finite - _nans,
    };

    private static bool AllFinite(ReadOnlySpan<double> values)
    {
        ReadOnlySpan<Vector256<double>> vectors = MemoryMarshal.Cast<double, Vector256<double>>(values);
        Vector256<double> extreme = Vector256<double>.Zero;
        foreach (Vector256<double> vector in vectors)
        {
            // x − x is 0 for finite numbers and NaN for the others; a NaN stays in the sum.
            extreme += vector - vector;
        }
        double sum = Total(extreme);
        foreach (double value in values[(vectors.Length * Vector256<double>.Count)..])
        {
            sum += value - value;
        }
        return sum == 0;
    }

    private Span<double> TakeFinite(Span<double> values)
    {
        int taken = 0;
        foreach (double value in values)
        {
            values[taken] = value;
            taken += double.IsFinite(value) ? 1 : 0;
            _nans += double.IsNaN(value) ? 1 : 0;
        }
        return values[..taken];
    }

    private void FindExtremes(ReadOnlySpan<double> values)
    {
        ReadOnlySpan<Vector256<double>> vectors = MemoryMarshal.Cast<double, Vector256<double>>(values);
        Vector256<double> min = Vector256.Create(values[0]);
        Vector256<double> max = min;
        Vector256<long> zeros = Vector256<long>.Zero;
        foreach (Vector256<double> vector in vectors)
        {
            min = Vector256.MinNative(min, vector);
            max = Vector256.MaxNative(max, vector);
            zeros -= Vector256.Equals(vector, Vector256<double>.Zero).AsInt64();
        }
        (_min, _max, _zeros) = (min[0], max[0], Vector256.Sum(zeros));
        for (int lane = 1; lane < Vector256<double>.Count; lane++)
        {
            (_min, _max) = (Math.Min(_min, min[lane]), Math.Max(_max, max[lane]));
        }
        foreach (double value in values[(vectors.Length * Vector256<double>.Count)..])
        {
            (_min, _max) = (Math.Min(_min, value), Math.Max(_max, value));
            _zeros += value == 0 ? 1 : 0;
        }
        // Which of 0 and −0 came through is chance; adding 0 makes it 0.
        (_min, _max) = (_min + 0, _max + 0);
    }

    private void FindDeviation(ReadOnlySpan<double> values)
    {
        double scale = Scale(Math.Max(-_min, _max));
        double count = values.Length;
        double mean = Sum(values, scale) / count;
        ReadOnlySpan<Vector256<double>> vectors = MemoryMarshal.Cast<double, Vector256<double>>(values);
        Vector256<double> sums = Vector256<double>.Zero;
        Vector256<double> squares = Vector256<double>.Zero;
        foreach (Vector256<double> vector in vectors)
        {
            Vector256<double> distance = (vector * scale) - Vector256.Create(mean);
            sums += distance;
            squares += distance * distance;
        }
        (double sum, double square) = (Total(sums), Total(squares));
        foreach (double value in values[(vectors.Length * Vector256<double>.Count)..])
        {
            double distance = (value * scale) - mean;
            sum += distance;
            square += distance * distance;
        }
        double correction = sum / count;
        // The correction has rounding errors of its own, some units in the last place: as small as that, it would not better the mean.
        _mean = (Math.Abs(correction) > 1e-15 * Math.Abs(mean) ? mean + correction : mean) / scale;
        _deviation = Math.Sqrt(Math.Max(0, (square / count) - (correction * correction))) / scale;
    }

    private static double Sum(ReadOnlySpan<double> values, double scale)
    {
        ReadOnlySpan<Vector256<double>> vectors = MemoryMarshal.Cast<double, Vector256<double>>(values);
        Vector256<double> sums = Vector256<double>.Zero;
        foreach (Vector256<double> vector in vectors)
        {
            sums += vector * scale;
        }
        double sum = Total(sums);
        foreach (double value in values[(vectors.Length * Vector256<double>.Count)..])
        {
            sum += value * scale;
        }
        return sum;
    }

    private static double Total(Vector256<double> lanes) => (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);

    // A power of two, by which multiplying is exact, where squares of the numbers would overflow or vanish.
    private static double Scale(double largest)
    {
        const int safe = 400;
        if (largest == 0 || Math.Abs(Math.ILogB(largest)) <= safe)
        {
            return 1;
        }
        return Math.ScaleB(1, -Math.Clamp(Math.ILogB(largest), -1000, 1000));
    }

    private static double RootOfSquares(double a, double b, double c)
    {
        double largest = Math.Max(Math.Max(a, b), Math.Abs(c));
        return largest == 0 ? 0 : largest * Math.Sqrt((a / largest * (a / largest)) + (b / largest * (b / largest)) + (c / largest * (c / largest)));
    }
}
