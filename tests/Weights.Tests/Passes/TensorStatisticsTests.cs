using CsCheck;
using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Passes;

public class TensorStatisticsTests
{
    [Fact]
    public void Finite_numbers_are_described_and_the_others_counted()
    {
        TensorStatistics found = Of(DType.F64, 1, double.NaN, 2, double.PositiveInfinity, 3, 0, -0.0, double.NegativeInfinity, 4, -double.NaN);
        Assert.Equal(new TensorStatistics { Count = 10, Min = 0, Max = 4, Mean = 10 / 6.0, StandardDeviation = Math.Sqrt(30 / 6.0 - Math.Pow(10 / 6.0, 2)), Zeros = 2, NaNs = 2, Infinities = 2 }, found with { StandardDeviation = Rounded(found.StandardDeviation, Math.Sqrt(30 / 6.0 - Math.Pow(10 / 6.0, 2))) });
    }

    [Fact]
    public void Nothing_finite_has_no_extremes_and_no_mean()
    {
        Assert.Equal(new TensorStatistics { Count = 0, Min = null, Max = null, Mean = null, StandardDeviation = null, Zeros = 0, NaNs = 0, Infinities = 0 }, Of(DType.F32));
        Assert.Equal(new TensorStatistics { Count = 2, Min = null, Max = null, Mean = null, StandardDeviation = null, Zeros = 0, NaNs = 1, Infinities = 1 }, Of(DType.F32, double.NaN, double.NegativeInfinity));
        Assert.Equal(new TensorStatistics { Count = 1, Min = -7, Max = -7, Mean = -7, StandardDeviation = 0, Zeros = 0, NaNs = 0, Infinities = 0 }, Of(DType.I8, -7));
    }

    [Fact]
    public void Complex_numbers_count_as_two_and_booleans_as_0_and_1()
    {
        TensorStatistics complex = Of(DType.C64, 1, -2, 0, double.NaN);
        Assert.Equal((4, -2.0, 1.0, 1, 1), (complex.Count, complex.Min, complex.Max, complex.Zeros, complex.NaNs));
        TensorStatistics truth = TensorStatistics.Of(new Tensor("b", DType.Bool, new Shape(4), new MemoryBytes(new byte[] { 0, 1, 255, 0 })), default);
        Assert.Equal((4, 0.0, 1.0, 0.5, 0.5, 2), (truth.Count, truth.Min, truth.Max, truth.Mean, truth.StandardDeviation, truth.Zeros));
    }

    [Fact]
    public void Packed_types_are_described_by_their_elements()
    {
        TensorStatistics found = Of(DType.F6E3M2, 28, -0.0625, 0, 4);
        Assert.Equal((4, -0.0625, 28.0, 7.984375, 1), (found.Count, found.Min, found.Max, found.Mean, found.Zeros));
    }

    [Theory]
    [InlineData("F4")]
    [InlineData("I4")]
    [InlineData("U4")]
    [InlineData("I2")]
    [InlineData("U2")]
    public void Unused_bits_of_the_last_byte_are_no_numbers(string name)
    {
        DType dtype = DTypes.Numbers.Type(name);
        // Ones, and in the last byte what they are when it is not full; more than a chunk and around the ends of a batch.
        foreach (int count in (int[])[1, 2, 3, 4, 5, 7, 4095, 4097, (4 << 20) + 1, (4 << 20) + 3])
        {
            byte[] bytes = DTypes.Numbers.Encode(dtype, [.. Enumerable.Repeat(1.0, count)]);
            Assert.Equal(new TensorStatistics { Count = count, Min = 1, Max = 1, Mean = 1, StandardDeviation = 0, Zeros = 0, NaNs = 0, Infinities = 0 }, TensorStatistics.Of(new Tensor("t", dtype, new Shape(count), new MemoryBytes(bytes)), default));
        }
    }

    [Fact]
    public void Zero_is_never_shown_as_negative()
    {
        foreach (double[] zeros in (double[][])[[-0.0], [-0.0, 0], [0, -0.0], [.. Enumerable.Repeat(-0.0, 9)]])
        {
            TensorStatistics found = Of(DType.F32, zeros);
            Assert.Equal(0L, BitConverter.DoubleToInt64Bits(found.Min!.Value) | BitConverter.DoubleToInt64Bits(found.Max!.Value));
        }
    }

    [Fact]
    public void Equal_numbers_have_no_deviation()
    {
        TensorStatistics found = Of(DType.F32, [.. Enumerable.Repeat(0.1, 100_003)]);
        Assert.Equal(((double)0.1f, (double)0.1f, (double)0.1f, 0.0), (found.Min, found.Max, found.Mean, found.StandardDeviation));
    }

    [Theory]
    [InlineData(1e308)]
    [InlineData(1.7e308)]
    [InlineData(1e-310)]
    [InlineData(1e-200)]
    [InlineData(3e150)]
    public void Numbers_at_the_ends_of_the_range_neither_overflow_nor_vanish(double size)
    {
        TensorStatistics found = Of(DType.F64, [.. Enumerable.Repeat((double[])[size, -size], 10_000).SelectMany(static pair => pair)]);
        Assert.Equal((-size, size, 0.0, size), (found.Min, found.Max, found.Mean, Rounded(found.StandardDeviation, size)));
        TensorStatistics halves = Of(DType.F64, [.. Enumerable.Repeat(size, 50_000), .. Enumerable.Repeat(-size, 50_000)]);
        Assert.Equal(size, Rounded(halves.StandardDeviation, size));
        Assert.True(Math.Abs(halves.Mean!.Value / size) < 1e-12);
    }

    [Fact]
    public void Far_from_zero_the_deviation_keeps_its_digits()
    {
        // A sum of squares would have lost all of it: 10¹² ± 1.
        TensorStatistics found = Of(DType.F64, [.. Enumerable.Range(0, 200_000).Select(static index => 1e12 + (index % 2 == 0 ? 1 : -1))]);
        Assert.Equal(1e12, found.Mean);
        Assert.Equal(1, Rounded(found.StandardDeviation, 1));
    }

    [Fact]
    public void The_mean_of_millions_of_numbers_keeps_its_digits()
    {
        // Tenths, whose running sum in one double would be off in the eleventh digit; the exact mean and deviation are known.
        byte[] cycle = [.. Enumerable.Range(0, 8).SelectMany(static k => BitConverter.GetBytes(0.1 + (k / 1024.0)))];
        TensorStatistics found = TensorStatistics.Of(new Tensor("t", DType.F64, new Shape(3L << 20), new CyclicBytes(cycle, 3L << 23)), default);
        Assert.Equal(0.1 + (3.5 / 1024), Rounded(found.Mean, 0.1 + (3.5 / 1024)));
        Assert.Equal(Math.Sqrt(5.25) / 1024, Rounded(found.StandardDeviation, Math.Sqrt(5.25) / 1024));
    }

    [Fact]
    public void Any_numbers_agree_with_decimal_arithmetic() => Gen.Select(Gen.Int[-100_000, 100_000].Array[1, 300], Gen.Int[0, 3]).Sample(static (numbers, places) =>
    {
        // Repeated so that several batches are put together.
        decimal[] exact = [.. Enumerable.Repeat(numbers, 40).SelectMany(static all => all).Select(number => number / (decimal)Math.Pow(10, places))];
        decimal mean = exact.Average();
        double deviation = Math.Sqrt((double)exact.Average(number => (number - mean) * (number - mean)));
        TensorStatistics found = Of(DType.F64, [.. exact.Select(static number => (double)number)]);
        Assert.Equal((double)mean, found.Mean!.Value, 1e-9 * Math.Max(1, (double)exact.Max(Math.Abs)) * 1e-3);
        Assert.Equal(deviation, found.StandardDeviation!.Value, 1e-9 * Math.Max(1, deviation));
        Assert.Equal(((double)exact.Min(), (double)exact.Max()), (found.Min, found.Max));
        Assert.Equal(exact.Count(static number => number == 0), found.Zeros);
    }, iter: 50);

    [Fact]
    public void Several_processors_give_the_same_as_one()
    {
        byte[] bytes = new byte[10 << 20];
        new Random(7).NextBytes(bytes);
        Tensor parallel = new("t", DType.F16, new Shape(5 << 20), new MemoryBytes(bytes));
        RecordedBytes inOrder = new(bytes, Crc32Value.Of(bytes), readsForward: true);
        Assert.Equal(TensorStatistics.Of(new Tensor("t", DType.F16, new Shape(5 << 20), inOrder), default), TensorStatistics.Of(parallel, default));
        Assert.False(inOrder.WentBack);
        Assert.InRange(inOrder.LargestRead, 1, ByteSource.ChunkBytes);
    }

    [Fact]
    public void Damaged_bytes_are_told()
    {
        Tensor tensor = new("t", DType.U8, new Shape(10 << 20), new RecordedBytes(new byte[10 << 20], 0x12345678));
        WeightFileException error = Assert.Throws<WeightFileException>(() => TensorStatistics.Of(tensor, default));
        Assert.Equal((Fault.Corrupt, "t"), (error.Fault, error.Tensor));
    }

    [Fact]
    public void It_can_be_cancelled()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => TensorStatistics.Of(Samples.Tensor("t", DType.F32, 1, 2), source.Token));
        Tensor large = new("t", DType.U8, new Shape(10 << 20), new RecordedBytes(new byte[10 << 20], null));
        Assert.ThrowsAny<OperationCanceledException>(() => TensorStatistics.Of(large, source.Token));
    }

    private static TensorStatistics Of(DType dtype, params double[] values) => TensorStatistics.Of(Samples.Tensor("t", dtype, values), default);

    // The expected number where the found one is it but for the last three of its sixteen digits.
    private static double? Rounded(double? found, double expected) => found is { } value && Math.Abs(value - expected) <= 1e-12 * Math.Abs(expected) ? expected : found;

    private sealed class CyclicBytes(byte[] cycle, long length) : ByteSource
    {
        public override long Length => length;

        protected override void ReadCore(long offset, Span<byte> destination)
        {
            for (int index = 0; index < destination.Length;)
            {
                ReadOnlySpan<byte> rest = cycle.AsSpan((int)((offset + index) % cycle.Length));
                int taken = Math.Min(rest.Length, destination.Length - index);
                rest[..taken].CopyTo(destination[index..]);
                index += taken;
            }
        }
    }
}
