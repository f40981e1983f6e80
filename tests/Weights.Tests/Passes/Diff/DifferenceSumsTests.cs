using Weights.Passes.Diff;

namespace Weights.Tests.Passes.Diff;

public class DifferenceSumsTests
{
    private static readonly double[] s_special = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0.0, -0.0, 1e-42, -1e-42, 3.4e38, -3.4e38, 1.1754943508222875e-38];

    public static TheoryData<int, int> Lengths()
    {
        TheoryData<int, int> lengths = [];
        foreach (int length in Enumerable.Range(0, 41).Concat([1000, 4099, 8192]))
        {
            // Without special numbers, with a few, with many.
            foreach (int every in (int[])[0, 97, 5])
            {
                lengths.Add(length, every);
            }
        }
        return lengths;
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Vectors_give_the_bits_of_the_scalar_code(int length, int every)
    {
        foreach (Tolerance tolerance in (Tolerance[])[Tolerance.None, new(0.25), new(0, 0.1), new(0.01, 0.2), new(double.NaN, 0.1), new(0, 0, 0.5)])
        {
            for (int seed = 0; seed < 5; seed++)
            {
                (float[] a, float[] b) = Pairs(length, every, seed);
                (double[] wideA, double[] wideB) = (Array.ConvertAll(a, static value => (double)value), Array.ConvertAll(b, static value => (double)value));
                AssertSame(Sums(2, (sums, first) => sums.AddScalar(wideA, wideB, first, tolerance)), Sums(2, (sums, first) => sums.Add(a, b, first, tolerance)));
                // Numbers that no float holds, and differences that no double does.
                for (int index = 0; index < length; index++)
                {
                    wideA[index] = wideA[index] * (1 + 1e-12) * (index % 31 == 7 ? 1e270 : 1);
                }
                AssertSame(Sums(2, (sums, first) => sums.AddScalar(wideA, wideB, first, tolerance)), Sums(2, (sums, first) => sums.Add(wideA.AsSpan(), wideB, first, tolerance)));
            }
        }
    }

    [Theory]
    [InlineData(64, 5)]
    [InlineData(1000, 97)]
    public void Histograms_change_nothing_else_and_count_every_changed_finite_pair(int length, int every)
    {
        (float[] a, float[] b) = Pairs(length, every, seed: 3);
        DifferenceSums counting = new() { HasHistogram = true };
        counting.Add(a, b, 0, Tolerance.None);
        DifferenceStatistics counted = counting.ToStatistics(hasUlps: false);
        AssertSame(Sums(1, (sums, first) => sums.Add(a, b, first, Tolerance.None)), counted with { Histogram = [] });
        long finite = a.Zip(b).Count(static pair => float.IsFinite(pair.First) && float.IsFinite(pair.Second) && BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second));
        Assert.Equal(finite, counted.Histogram.Sum());
    }

    [Fact]
    public void Histograms_count_by_the_exponents_of_differences_in_any_order()
    {
        (float[] a, float[] b) = Pairs(4099, 97, seed: 5);
        long[] expected = new long[DifferenceStatistics.HistogramClasses];
        foreach ((float left, float right) in a.Zip(b).Where(static pair => float.IsFinite(pair.First) && float.IsFinite(pair.Second) && BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second)))
        {
            double difference = Math.Abs((double)right - left);
            expected[difference == 0 ? 0 : Math.Clamp(Math.ILogB(difference), -64, expected.Length - 65) + 64]++;
        }
        DifferenceSums sums = new() { HasHistogram = true };
        DifferenceSums later = new() { HasHistogram = true };
        sums.Add(a.AsSpan(0, 1003), b.AsSpan(0, 1003), 0, Tolerance.None);
        later.Add(Array.ConvertAll(a[1003..], static value => (double)value).AsSpan(), Array.ConvertAll(b[1003..], static value => (double)value), 1003, Tolerance.None);
        sums.Add(later);
        Assert.Equal(expected, sums.ToStatistics(hasUlps: false).Histogram);
    }

    [Fact]
    public void Differences_have_their_class_in_the_histogram()
    {
        DifferenceSums sums = new() { HasHistogram = true };
        sums.Add([0, 0, 0, 0.0, -1e308, 0], [1, 3, 0.5, -0.0, 1e308, 1e-300], 0, Tolerance.None);
        IReadOnlyList<long> histogram = sums.ToStatistics(hasUlps: false).Histogram;
        Assert.Equal([1, 1, 1, 2, 1], [histogram[64], histogram[65], histogram[63], histogram[0], histogram[^1]]);
        Assert.Equal(6, histogram.Sum());
    }

    [Fact]
    public void Statistics_are_what_their_definitions_give()
    {
        DifferenceStatistics of = Sums(1, static (sums, first) => sums.Add([3f, 4f, 0f], [3f, 2f, 1f], first, new Tolerance(1)));
        Assert.Equal((3, 2, 1, 2.0, 1.0), (of.Count, of.Changed, of.Beyond, of.MaxAbsolute, of.MeanAbsolute));
        Assert.Equal(Math.Sqrt(5 / 3.0), of.RootMeanSquare, 1e-15);
        Assert.Equal(Math.Sqrt(5) / 5, of.RelativeL2, 1e-15);
        Assert.Equal(17 / (5 * Math.Sqrt(14)), of.Cosine, 1e-15);
        Assert.Equal(10 * Math.Log10(5), of.SignalToNoise, 1e-12);
        Assert.Equal(1, of.WorstIndex);
        Assert.Equal(2 / 3.0, of.ChangedShare, 1e-15);
    }

    [Fact]
    public void Nothing_and_zeros_have_their_limits()
    {
        DifferenceStatistics Of(double[] a, double[] b) => Sums(1, (sums, first) => sums.Add(a.AsSpan(), b, first, Tolerance.None));
        Assert.Equal((0.0, 1.0, double.PositiveInfinity, null), (Of([], []).RelativeL2, Of([], []).Cosine, Of([], []).SignalToNoise, Of([], []).WorstIndex));
        Assert.Equal((0.0, 1.0, 1L, 0L), (Of([0], [-0.0]).RelativeL2, Of([0], [-0.0]).Cosine, Of([0], [-0.0]).Changed, Of([0], [-0.0]).WorstIndex!.Value));
        Assert.Equal((double.PositiveInfinity, 0.0), (Of([0], [1]).RelativeL2, Of([0], [1]).Cosine));
        Assert.Equal((1.0, 0.0), (Of([1], [0]).RelativeL2, Of([1], [0]).Cosine));
        // Squares of these are zero, which must not look as if nothing had changed.
        Assert.Equal((double.NaN, double.NaN), (Of([1e-200], [-1e-200]).RelativeL2, Of([1e-200], [-1e-200]).Cosine));
        Assert.Equal(double.NaN, Of([1e200], [-1e200]).Cosine);
    }

    [Fact]
    public void A_gate_is_not_disarmed()
    {
        static bool Accepts(Tolerance tolerance, double[] a, double[] b) => tolerance.Accepts(Sums(1, (sums, first) => sums.Add(a.AsSpan(), b, first, tolerance)));
        Assert.True(Accepts(new Tolerance(0, 0, 0.9), [1, 2, double.NaN, double.PositiveInfinity], [1, 2.1, double.NaN, double.PositiveInfinity]));
        Assert.True(Accepts(new Tolerance(0.2), [1, 2, double.NaN, double.NegativeInfinity], [1, 2.1, double.NaN, double.NegativeInfinity]));
        foreach (Tolerance tolerance in (Tolerance[])[Tolerance.None, new(0, 0, 0.9), new(1e9), new(0, 1e9), new(1e9, 1e9, 0)])
        {
            Assert.False(Accepts(tolerance, [1, 2, 3], [1, 2, double.NaN]));
            Assert.False(Accepts(tolerance, [1, 2, double.NaN], [1, double.NaN, 2]));
            Assert.False(Accepts(tolerance, [1, 2, 3], [1, 2, double.PositiveInfinity]));
            Assert.False(Accepts(tolerance, [1, 2, double.NegativeInfinity], [1, 2, double.PositiveInfinity]));
        }
        foreach (Tolerance tolerance in (Tolerance[])[new(double.NaN), new(double.NaN, 1), new(1, double.NaN), new(0, 0, double.NaN), new(1, 1, double.NaN)])
        {
            Assert.False(Accepts(tolerance, [1, 2, 3], [1, 2, 3.1]));
        }
        Assert.False(Accepts(new Tolerance(0, 0, 0.5), [1e-200], [-1e-200]));
    }

    // In parts, as chunks are put together.
    private static DifferenceStatistics Sums(int parts, Action<DifferenceSums, long> add)
    {
        DifferenceSums all = new();
        add(all, 0);
        for (int part = 1; part < parts; part++)
        {
            DifferenceSums later = new();
            add(later, part * 100_000L);
            all.Add(later);
        }
        return all.ToStatistics(hasUlps: false);
    }

    private static (float[] A, float[] B) Pairs(int length, int every, int seed)
    {
        Random random = new((length * 100) + (every * 7) + seed);
        float[] a = new float[length];
        float[] b = new float[length];
        for (int index = 0; index < length; index++)
        {
            // Few different numbers, so that many differences are the largest, and some pairs are equal.
            a[index] = every > 0 && random.Next(every) == 0 ? (float)s_special[random.Next(s_special.Length)] : random.Next(-4, 5) / 8f;
            b[index] = every > 0 && random.Next(every) == 0 ? (float)s_special[random.Next(s_special.Length)] : random.Next(3) == 0 ? a[index] : random.Next(-4, 5) / 8f;
        }
        return (a, b);
    }

    private static void AssertSame(DifferenceStatistics expected, DifferenceStatistics actual)
    {
        static double[] Reals(DifferenceStatistics of) => [of.MaxAbsolute, of.MeanAbsolute, of.RootMeanSquare, of.RelativeL2, of.Cosine, of.SignalToNoise];
        Assert.Equal(Reals(expected).Select(BitConverter.DoubleToInt64Bits), Reals(actual).Select(BitConverter.DoubleToInt64Bits));
        DifferenceStatistics rest = actual with
        {
            MaxAbsolute = expected.MaxAbsolute,
            MeanAbsolute = expected.MeanAbsolute,
            RootMeanSquare = expected.RootMeanSquare,
            RelativeL2 = expected.RelativeL2,
            Cosine = expected.Cosine,
            SignalToNoise = expected.SignalToNoise,
            Histogram = expected.Histogram,
        };
        Assert.Equal(expected, rest);
    }
}
