using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Diff;

/// <summary>
/// Sums and extremes over pairs of numbers, which can be put together with those of others.
/// </summary>
/// <remarks>
/// Eight lanes of doubles, each with its own sums, added up in one order: pair i of a batch belongs to lane i mod 8. The scalar code is
/// the specification, and the vector code gives the same bits. Products are rounded before they are added, as fused operations are not everywhere.
/// </remarks>
internal sealed class DifferenceSums
{
    private const int Lanes = 8;

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
        ref T startA = ref MemoryMarshal.GetReference(a);
        ref T startB = ref MemoryMarshal.GetReference(b);
        Span<Vector256<double>> sums = MemoryMarshal.Cast<double, Vector256<double>>(_sums.AsSpan());
        (Vector256<double> absoluteLow, Vector256<double> absoluteHigh) = (sums[0], sums[1]);
        (Vector256<double> squaresLow, Vector256<double> squaresHigh) = (sums[2], sums[3]);
        (Vector256<double> squaresALow, Vector256<double> squaresAHigh) = (sums[4], sums[5]);
        (Vector256<double> squaresBLow, Vector256<double> squaresBHigh) = (sums[6], sums[7]);
        (Vector256<double> productsLow, Vector256<double> productsHigh) = (sums[8], sums[9]);
        Vector256<double> worst = Vector256<double>.Zero;
        Vector256<long> same = Vector256<long>.Zero;
        Vector256<long> within = Vector256<long>.Zero;
        Vector256<double> toleranceAbsolute = Vector256.Create(tolerance.Absolute);
        Vector256<double> toleranceRelative = Vector256.Create(tolerance.Relative);
        long special = 0;
        for (int index = 0; index < a.Length; index += Lanes)
        {
            (Vector256<double> aLow, Vector256<double> aHigh) = TPairs.Load(ref startA, index);
            (Vector256<double> bLow, Vector256<double> bHigh) = TPairs.Load(ref startB, index);
            // x − x is 0 for finite numbers and NaN for the others; a NaN stays in the sum.
            Vector256<double> finite = (aLow - aLow) + (bLow - bLow) + (aHigh - aHigh) + (bHigh - bHigh);
            if (!Vector256.EqualsAll(finite, Vector256<double>.Zero))
            {
                sums[0] = absoluteLow; sums[1] = absoluteHigh; sums[2] = squaresLow; sums[3] = squaresHigh; sums[4] = squaresALow;
                sums[5] = squaresAHigh; sums[6] = squaresBLow; sums[7] = squaresBHigh; sums[8] = productsLow; sums[9] = productsHigh;
                for (int lane = 0; lane < Lanes; lane++)
                {
                    AddPair(TPairs.Number(a[index + lane]), TPairs.Number(b[index + lane]), lane, first + index + lane, tolerance);
                }
                absoluteLow = sums[0]; absoluteHigh = sums[1]; squaresLow = sums[2]; squaresHigh = sums[3]; squaresALow = sums[4];
                squaresAHigh = sums[5]; squaresBLow = sums[6]; squaresBHigh = sums[7]; productsLow = sums[8]; productsHigh = sums[9];
                special += Lanes;
                continue;
            }
            Vector256<double> differenceLow = bLow - aLow;
            Vector256<double> differenceHigh = bHigh - aHigh;
            Vector256<double> distanceLow = Vector256.Abs(differenceLow);
            Vector256<double> distanceHigh = Vector256.Abs(differenceHigh);
            absoluteLow += distanceLow;
            absoluteHigh += distanceHigh;
            squaresLow += differenceLow * differenceLow;
            squaresHigh += differenceHigh * differenceHigh;
            squaresALow += aLow * aLow;
            squaresAHigh += aHigh * aHigh;
            squaresBLow += bLow * bLow;
            squaresBHigh += bHigh * bHigh;
            productsLow += aLow * bLow;
            productsHigh += aHigh * bHigh;
            worst = Vector256.MaxNative(worst, Vector256.MaxNative(distanceLow, distanceHigh));
            same += Vector256.Equals(aLow.AsInt64(), bLow.AsInt64()) + Vector256.Equals(aHigh.AsInt64(), bHigh.AsInt64());
            if (tolerance.IsElementwise)
            {
                within += Vector256.LessThanOrEqual(distanceLow, toleranceAbsolute + (toleranceRelative * Vector256.Abs(aLow))).AsInt64()
                    + Vector256.LessThanOrEqual(distanceHigh, toleranceAbsolute + (toleranceRelative * Vector256.Abs(aHigh))).AsInt64();
            }
        }
        sums[0] = absoluteLow; sums[1] = absoluteHigh; sums[2] = squaresLow; sums[3] = squaresHigh; sums[4] = squaresALow;
        sums[5] = squaresAHigh; sums[6] = squaresBLow; sums[7] = squaresBHigh; sums[8] = productsLow; sums[9] = productsHigh;
        long pairs = a.Length - special;
        _finite += pairs;
        _changed += pairs + Vector256.Sum(same); // A lane that holds is −1.
        _beyond += tolerance.IsElementwise ? pairs + Vector256.Sum(within) : 0;
        double largest = Math.Max(Math.Max(worst[0], worst[1]), Math.Max(worst[2], worst[3]));
        // A pair that was added by itself may be as far apart, and come later than one that was not.
        if (largest > _worst || (_worstIndex < 0 && pairs + Vector256.Sum(same) > 0) || (largest == _worst && _worstIndex >= first))
        {
            FindWorst<TPairs, T>(a, b, first, largest);
        }
    }

    // Where in a batch the largest difference is; batches with a new one get rare soon.
    private void FindWorst<TPairs, T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, long first, double largest)
        where TPairs : IPairs<T>
        where T : unmanaged
    {
        for (int index = 0; index < a.Length; index++)
        {
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

    private interface IPairs<T>
        where T : unmanaged
    {
        static abstract (Vector256<double> Low, Vector256<double> High) Load(ref T start, int index);

        static abstract double Number(T value);
    }

    private readonly struct FloatPairs : IPairs<float>
    {
        public static (Vector256<double> Low, Vector256<double> High) Load(ref float start, int index) => Vector256.Widen(Vector256.LoadUnsafe(ref start, (nuint)index));

        public static double Number(float value) => value;
    }

    private readonly struct DoublePairs : IPairs<double>
    {
        public static (Vector256<double> Low, Vector256<double> High) Load(ref double start, int index) =>
            (Vector256.LoadUnsafe(ref start, (nuint)index), Vector256.LoadUnsafe(ref start, (nuint)index + 4));

        public static double Number(double value) => value;
    }
}
