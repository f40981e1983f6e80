using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Diff;

/// <summary>
/// Sums and extremes over pairs of numbers, which can be put together with those of others.
/// </summary>
/// <remarks>
/// Eight lanes of doubles, each with its own sums, added up in one order: pair i of a batch belongs to lane i mod 8. The scalar code is
/// the specification, and the vector code gives the same bits. Products are rounded before they are added, as fused operations are not everywhere;
/// where a product is exact, that is the same.
/// </remarks>
internal sealed partial class DifferenceSums
{
    private const int Lanes = 8;

    // Pairs that are added by themselves if one of them is NaN or infinite.
    private const int BlockPairs = 512;

    // Σ|b − a|, Σ(b − a)², Σa², Σb², Σab, eight lanes each.
    private readonly double[] _sums = new double[5 * Lanes];
    private readonly DifferenceHistogram? _histogram;
    private long _count;
    private long _finite;
    private long _changed;
    private long _beyond;
    private long _nansA;
    private long _nansB;
    private long _infinitiesA;
    private long _infinitiesB;
    private double _worst;
    private long _worstIndex = -1;

    /// <summary>Whether differences are counted by size, which takes as long again as all the rest.</summary>
    public bool HasHistogram
    {
        get => _histogram is not null;
        init => _histogram = value ? new DifferenceHistogram() : null;
    }

    /// <summary>Largest number of steps between two numbers.</summary>
    public ulong Ulps { get; set; }

    /// <summary>Adds pairs.</summary>
    /// <param name="a">Numbers of the first tensor.</param>
    /// <param name="b">Numbers of the second, as many.</param>
    /// <param name="first">Index of the first pair in the tensor.</param>
    /// <param name="tolerance">What is beyond.</param>
    public void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b, long first, Tolerance tolerance)
    {
        _count += a.Length;
        int whole = Vector256.IsHardwareAccelerated ? a.Length / Lanes * Lanes : 0;
        if (whole > 0)
        {
            AddVectors<FloatPairs, float>(a[..whole], b[..whole], first, tolerance);
        }
        for (int index = whole; index < a.Length; index++)
        {
            AddPair(a[index], b[index], index % Lanes, first + index, tolerance);
        }
        _histogram?.Add(a, b);
    }

    /// <summary>As for floats.</summary>
    public void Add(ReadOnlySpan<double> a, ReadOnlySpan<double> b, long first, Tolerance tolerance)
    {
        _count += a.Length;
        int whole = Vector256.IsHardwareAccelerated ? a.Length / Lanes * Lanes : 0;
        if (whole > 0)
        {
            AddVectors<DoublePairs, double>(a[..whole], b[..whole], first, tolerance);
        }
        for (int index = whole; index < a.Length; index++)
        {
            AddPair(a[index], b[index], index % Lanes, first + index, tolerance);
        }
        _histogram?.Add(a, b);
    }

    /// <summary>The specification: every pair by itself.</summary>
    public void AddScalar(ReadOnlySpan<double> a, ReadOnlySpan<double> b, long first, Tolerance tolerance)
    {
        _count += a.Length;
        for (int index = 0; index < a.Length; index++)
        {
            AddPair(a[index], b[index], index % Lanes, first + index, tolerance);
        }
        _histogram?.Add(a, b);
    }

    /// <summary>Adds what another has, which is about pairs that come later.</summary>
    public void Add(DifferenceSums later)
    {
        for (int index = 0; index < _sums.Length; index++)
        {
            _sums[index] += later._sums[index];
        }
        _histogram?.Add(later._histogram!);
        _count += later._count;
        _finite += later._finite;
        _changed += later._changed;
        _beyond += later._beyond;
        _nansA += later._nansA;
        _nansB += later._nansB;
        _infinitiesA += later._infinitiesA;
        _infinitiesB += later._infinitiesB;
        Ulps = Math.Max(Ulps, later.Ulps);
        if (later._worst > _worst || _worstIndex < 0)
        {
            (_worst, _worstIndex) = (later._worst, later._worstIndex);
        }
    }

    /// <summary>What is known of all pairs added.</summary>
    /// <param name="hasUlps">Whether <see cref="Ulps"/> means something.</param>
    public DifferenceStatistics ToStatistics(bool hasUlps)
    {
        double Sum(int which)
        {
            ReadOnlySpan<double> lanes = _sums.AsSpan(which * Lanes, Lanes);
            return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
        }
        (double absolute, double squares, double squaresA, double squaresB, double products) = (Sum(0), Sum(1), Sum(2), Sum(3), Sum(4));
        double lengths = Math.Sqrt(squaresA) * Math.Sqrt(squaresB);
        double none = squares == 0 && absolute > 0 ? double.NaN : 0; // Below 1e-162 squares are zero.
        return new DifferenceStatistics
        {
            Count = _count,
            Changed = _changed,
            Beyond = _beyond,
            MaxAbsolute = _worst,
            MeanAbsolute = _finite == 0 ? 0 : absolute / _finite,
            RootMeanSquare = _finite == 0 ? 0 : Math.Sqrt(squares / _finite),
            RelativeL2 = squares == 0 ? none : Math.Sqrt(squares) / Math.Sqrt(squaresA),
            Cosine = lengths > 0 ? Math.Clamp(products / lengths, -1, 1) : squaresA > 0 || squaresB > 0 ? 0 : 1 - none,
            SignalToNoise = squares == 0 ? double.PositiveInfinity : 10 * Math.Log10(squaresA / squares),
            MaxUlps = hasUlps ? (long)Math.Min(Ulps, long.MaxValue) : null,
            NaNsA = _nansA,
            NaNsB = _nansB,
            InfinitiesA = _infinitiesA,
            InfinitiesB = _infinitiesB,
            WorstIndex = _worstIndex < 0 ? null : _worstIndex,
            Histogram = _histogram?.ToClasses() ?? [],
            Squares = (squaresA, squaresB),
        };
    }

    private void AddPair(double a, double b, int lane, long index, Tolerance tolerance)
    {
        bool isChanged = BitConverter.DoubleToUInt64Bits(a) != BitConverter.DoubleToUInt64Bits(b);
        if (!double.IsFinite(a) || !double.IsFinite(b))
        {
            AddSpecial(a, b, isChanged, index);
            return;
        }
        double difference = b - a;
        double absolute = Math.Abs(difference);
        _finite++;
        _sums[lane] += absolute;
        _sums[Lanes + lane] += difference * difference;
        _sums[(2 * Lanes) + lane] += a * a;
        _sums[(3 * Lanes) + lane] += b * b;
        _sums[(4 * Lanes) + lane] += a * b;
        // Written so that nothing is within a tolerance that is NaN.
        if (tolerance.IsElementwise && !(absolute <= tolerance.Absolute + (tolerance.Relative * Math.Abs(a))))
        {
            _beyond++;
        }
        if (!isChanged)
        {
            return;
        }
        _changed++;
        SeeWorst(absolute, index);
    }

    private void AddSpecial(double a, double b, bool isChanged, long index)
    {
        _nansA += double.IsNaN(a) ? 1 : 0;
        _nansB += double.IsNaN(b) ? 1 : 0;
        _infinitiesA += double.IsInfinity(a) ? 1 : 0;
        _infinitiesB += double.IsInfinity(b) ? 1 : 0;
        if (isChanged)
        {
            _changed++;
            if (!(double.IsNaN(a) && double.IsNaN(b)))
            {
                _beyond++;
                SeeWorst(double.PositiveInfinity, index);
            }
        }
    }

    private void SeeWorst(double absolute, long index)
    {
        if (absolute > _worst || _worstIndex < 0)
        {
            (_worst, _worstIndex) = (absolute, index);
        }
    }

    private void AddVectors<TPairs, T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, long first, Tolerance tolerance)
        where TPairs : IPairs<T>
        where T : unmanaged
    {
        Extremes extremes = new() { Worst = Vector256<double>.Zero };
        long pairs = 0;
        for (int start = 0; start < a.Length; start += BlockPairs)
        {
            int count = Math.Min(BlockPairs, a.Length - start);
            if (tolerance.IsElementwise ? TryAddBlock<TPairs, T, Elementwise>(a.Slice(start, count), b.Slice(start, count), tolerance, ref extremes) : TryAddBlock<TPairs, T, NotElementwise>(a.Slice(start, count), b.Slice(start, count), tolerance, ref extremes))
            {
                pairs += count;
                continue;
            }
            for (int index = start; index < start + count; index++)
            {
                AddPair(TPairs.Number(a[index]), TPairs.Number(b[index]), index % Lanes, first + index, tolerance);
            }
        }
        long changed = pairs - extremes.Same;
        _finite += pairs;
        _changed += changed;
        _beyond += tolerance.IsElementwise ? pairs - extremes.Within : 0;
        Vector256<double> worst = extremes.Worst;
        double largest = Math.Max(Math.Max(worst[0], worst[1]), Math.Max(worst[2], worst[3]));
        // A pair that was added by itself may be as far apart, and come later than one that was not.
        if (largest > _worst || (_worstIndex < 0 && changed > 0) || (largest == _worst && _worstIndex >= first))
        {
            FindWorst<TPairs, T>(a, b, first, largest);
        }
    }

    // Adds nothing, and says so, where a number is NaN or infinite: its difference is so, too, and stays in the sum.
    private bool TryAddBlock<TPairs, T, TCounts>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Tolerance tolerance, ref Extremes extremes)
        where TPairs : IPairs<T>
        where T : unmanaged
        where TCounts : ICounts
    {
        ref T startA = ref MemoryMarshal.GetReference(a);
        ref T startB = ref MemoryMarshal.GetReference(b);
        Span<Vector256<double>> sums = MemoryMarshal.Cast<double, Vector256<double>>(_sums.AsSpan());
        (Vector256<double> absoluteLow, Vector256<double> absoluteHigh) = (sums[0], sums[1]);
        (Vector256<double> squaresLow, Vector256<double> squaresHigh) = (sums[2], sums[3]);
        (Vector256<double> squaresALow, Vector256<double> squaresAHigh) = (sums[4], sums[5]);
        (Vector256<double> squaresBLow, Vector256<double> squaresBHigh) = (sums[6], sums[7]);
        (Vector256<double> productsLow, Vector256<double> productsHigh) = (sums[8], sums[9]);
        Vector256<double> worst = extremes.Worst;
        Vector256<int> same = Vector256<int>.Zero;
        Vector256<long> within = Vector256<long>.Zero;
        for (int index = 0; index < a.Length; index += Lanes)
        {
            // One half after the other, so that all of it stays in sixteen registers.
            Vector256<double> left = TPairs.LoadLow(ref startA, index);
            Vector256<double> right = TPairs.LoadLow(ref startB, index);
            Vector256<double> difference = right - left;
            Vector256<double> distance = Vector256.Abs(difference);
            absoluteLow += distance;
            squaresLow += difference * difference;
            squaresALow = TPairs.MultiplyAdd(left, left, squaresALow);
            squaresBLow = TPairs.MultiplyAdd(right, right, squaresBLow);
            productsLow = TPairs.MultiplyAdd(left, right, productsLow);
            worst = Vector256.MaxNative(worst, distance);
            if (TCounts.IsElementwise)
            {
                within += Within(left, distance, tolerance);
            }
            left = TPairs.LoadHigh(ref startA, index);
            right = TPairs.LoadHigh(ref startB, index);
            difference = right - left;
            distance = Vector256.Abs(difference);
            absoluteHigh += distance;
            squaresHigh += difference * difference;
            squaresAHigh = TPairs.MultiplyAdd(left, left, squaresAHigh);
            squaresBHigh = TPairs.MultiplyAdd(right, right, squaresBHigh);
            productsHigh = TPairs.MultiplyAdd(left, right, productsHigh);
            worst = Vector256.MaxNative(worst, distance);
            if (TCounts.IsElementwise)
            {
                within += Within(left, distance, tolerance);
            }
            same += TPairs.Same(ref startA, ref startB, index);
        }
        // x − x is 0 for finite numbers and NaN for the others.
        if (!Vector256.EqualsAll((absoluteLow - absoluteLow) + (absoluteHigh - absoluteHigh), Vector256<double>.Zero))
        {
            return false;
        }
        sums[0] = absoluteLow; sums[1] = absoluteHigh; sums[2] = squaresLow; sums[3] = squaresHigh; sums[4] = squaresALow;
        sums[5] = squaresAHigh; sums[6] = squaresBLow; sums[7] = squaresBHigh; sums[8] = productsLow; sums[9] = productsHigh;
        extremes.Worst = worst;
        extremes.Same -= Vector256.Sum(same) / TPairs.LanesOfSame; // A lane that holds is −1.
        extremes.Within -= Vector256.Sum(within);
        return true;
    }

    private static Vector256<long> Within(Vector256<double> left, Vector256<double> distance, Tolerance tolerance) =>
        Vector256.LessThanOrEqual(distance, Vector256.Create(tolerance.Absolute) + (Vector256.Create(tolerance.Relative) * Vector256.Abs(left))).AsInt64();

    // Where in a batch the largest difference is; batches with a new one get rare soon.
    private void FindWorst<TPairs, T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, long first, double largest)
        where TPairs : IPairs<T>
        where T : unmanaged
    {
        ref T startA = ref MemoryMarshal.GetReference(a);
        ref T startB = ref MemoryMarshal.GetReference(b);
        Vector256<double> wanted = Vector256.Create(largest);
        for (int index = 0; index < a.Length; index++)
        {
            // Eight at a time where none is so far apart.
            while (largest > 0 && index + Lanes <= a.Length
                && !Vector256.EqualsAny(Vector256.Abs(TPairs.LoadLow(ref startB, index) - TPairs.LoadLow(ref startA, index)), wanted)
                && !Vector256.EqualsAny(Vector256.Abs(TPairs.LoadHigh(ref startB, index) - TPairs.LoadHigh(ref startA, index)), wanted))
            {
                index += Lanes;
            }
            if (index == a.Length)
            {
                return;
            }
            (double numberA, double numberB) = (TPairs.Number(a[index]), TPairs.Number(b[index]));
            if (Math.Abs(numberB - numberA) == largest && BitConverter.DoubleToInt64Bits(numberA) != BitConverter.DoubleToInt64Bits(numberB))
            {
                if (largest > _worst || _worstIndex < 0 || first + index < _worstIndex)
                {
                    (_worst, _worstIndex) = (largest, first + index);
                }
                return;
            }
        }
    }

    // What blocks have besides sums.
    private struct Extremes
    {
        public Vector256<double> Worst;
        public long Same;
        public long Within;
    }
}
