using Weights.Passes.Packing;

namespace Weights.Tests.Passes.Packing;

/// <summary>What coders find in a fast way is what is found number by number.</summary>
public class CoderTests
{
    private static readonly float[] s_specials = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0, -0f, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue];

    [Theory]
    [InlineData("F32", 4, true)]
    [InlineData("F32", 4, false)]
    [InlineData("BF16", 8, true)]
    [InlineData("F16", 2, false)]
    public void A_search_finds_the_scale_with_the_least_sum_of_squares(string type, int bits, bool isSymmetric)
    {
        Assert.True(DType.TryParse(type, out DType dtype));
        ScaleStorage storage = ScaleStorage.Of(dtype);
        IntegerCoder coder = new(bits, isSymmetric, ScaleSearching.Mse, storage);
        IntegerCoder absmax = new(bits, isSymmetric, ScaleSearching.Absmax, storage);
        Random random = new(bits);
        for (int round = 0; round < 300; round++)
        {
            float size = MathF.ScaleB(1, random.Next(6) == 0 ? random.Next(-149, 128) : random.Next(-12, 4));
            // Multiples of an eighth are often in the middle between two codes.
            float[] numbers = [.. Enumerable.Range(0, random.Next(1, 300)).Select(_ => size * (round % 2 == 0 ? random.NextSingle() - 0.4f : random.Next(-64, 64) / 8f))];
            if (round % 7 == 0)
            {
                numbers[random.Next(numbers.Length)] = s_specials[random.Next(s_specials.Length)];
            }
            Assert.Equal(Searched(absmax, bits, numbers), coder.Fit(numbers));
        }
    }

    [Fact]
    public void Scales_that_estimates_do_not_tell_apart_are_told_apart_by_their_sums()
    {
        float[] numbers = [-0.5f, -0.375f, 0.75f, 0.75f, -0.125f, 0.375f, -0.375f];
        (float Scale, int ZeroPoint) found = new IntegerCoder(2, false, ScaleSearching.Mse, ScaleStorage.Of(DType.F32)).Fit(numbers);
        Assert.Equal(Searched(new IntegerCoder(2, false, ScaleSearching.Absmax, ScaleStorage.Of(DType.F32)), 2, numbers), found);
        Assert.Equal((0.38333333f, -1), found);
    }

    [Fact]
    public void Levels_are_those_of_as_many_bounds_as_are_below()
    {
        (LevelSet Set, LevelCoder Coder)[] all = [(LevelSets.E2M1, LevelCoder.E2M1(ScaleStorage.Magnitude())), (LevelSets.NF4, LevelCoder.NF4(ScaleStorage.Magnitude())), (LevelSets.FP4, LevelCoder.FP4(ScaleStorage.Magnitude()))];
        Random random = new(1);
        foreach ((LevelSet set, LevelCoder coder) in all)
        {
            float[] exact = [.. set.Bounds.SelectMany(static bound => (float[])[bound, MathF.BitIncrement(bound), MathF.BitDecrement(bound)])];
            float[] numbers = [.. s_specials, .. exact, .. exact.Select(static number => -number), .. Enumerable.Range(0, 500).Select(_ => (random.NextSingle() - 0.5f) * 16)];
            foreach (float scale in (float[])[1, 4, 0.25f, 3, 0.7f, MathF.ScaleB(1, -126), MathF.ScaleB(1, 126), MathF.ScaleB(1, 127), MathF.ScaleB(1, -127)])
            {
                byte[] codes = new byte[numbers.Length];
                int beyond = coder.Encode(numbers, scale, 0, codes);
                float[] scaled = [.. numbers.Select(number => set.IsMultiplied ? number * (1 / scale) : number / scale)];
                Assert.Equal(scaled.Select(number => Code(set, number)), codes);
                Assert.Equal(scaled.Count(number => Math.Abs(number) > set.Beyond), beyond);
            }
        }
    }

    [Fact]
    public void Eight_bit_floats_are_read_and_rounded_alike()
    {
        byte[] codes = [.. Enumerable.Range(0, 256).Select(static code => (byte)code)];
        float[] numbers = new float[codes.Length];
        EightBitFloats.Decode(codes, 1, numbers);
        Assert.Equal(EightBitFloats.Values.Select(BitConverter.SingleToInt32Bits), numbers.Select(BitConverter.SingleToInt32Bits));
        for (int high = 0; high < 0x7F80; high++)
        {
            foreach (int low in (int[])[0, 1, 0x8000, 0xFFFF])
            {
                float number = BitConverter.Int32BitsToSingle((high << 16) | low);
                byte[] code = new byte[1];
                EightBitFloats.Encode([number], 1, code);
                Assert.Equal(EightBitFloats.Values[code[0]], EightBitFloats.Nearest(number));
            }
        }
    }

    private static (float Scale, int ZeroPoint) Searched(IntegerCoder coder, int bits, float[] numbers)
    {
        NumberRange range = NumberRange.Of(numbers);
        (float, int) best = coder.Fit(range);
        double least = Error(best, bits, numbers);
        for ((int step, int idle) = (1, 0); step <= 60 && idle < 10; step++, idle++)
        {
            float part = 1 - (step / 100f);
            (float, int) tried = coder.Fit(new NumberRange(range.Least * part, range.Greatest * part));
            double error = Error(tried, bits, numbers);
            if (error < least)
            {
                (least, best, idle) = (error, tried, 0);
            }
        }
        return best;
    }

    // In the order of four lanes, of which each has two of eight numbers, as sums of doubles depend on it.
    private static double Error((float Scale, int ZeroPoint) grid, int bits, float[] numbers)
    {
        double[] squares = [.. numbers.Select(any =>
        {
            float number = float.IsFinite(any) ? any : 0;
            float code = Math.Clamp(MathF.Round((number / grid.Scale) + grid.ZeroPoint), -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
            float difference = ((code - grid.ZeroPoint) * grid.Scale) - number;
            return (double)difference * difference;
        })];
        double[] lanes = new double[4];
        int whole = squares.Length / 8 * 8;
        for (int index = 0; index < whole; index += index % 8 == 3 ? 5 : 1)
        {
            lanes[index % 8] += squares[index] + squares[index + 4];
        }
        double rest = 0;
        foreach (double square in squares[whole..])
        {
            rest += square;
        }
        return lanes[0] + lanes[1] + (lanes[2] + lanes[3]) + rest;
    }

    private static byte Code(LevelSet set, float scaled)
    {
        bool isSigned = set.Bounds.Length == 7;
        float compared = float.IsNaN(scaled) ? 0 : isSigned ? Math.Abs(scaled) : scaled;
        int sign = isSigned && scaled < 0 ? 8 : 0;
        return (byte)(set.Codes[set.Bounds.Count(bound => compared > bound)] | sign);
    }
}
