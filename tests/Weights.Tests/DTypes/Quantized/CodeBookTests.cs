using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weights.DTypes.Quantized;

namespace Weights.Tests.DTypes.Quantized;

/// <summary>The code books, and the searches of the IQ types with vectors and without.</summary>
public class CodeBookTests
{
    private static readonly float[] s_levels = [1, 3, 5, 7, 9, 11, 13, 15];

    public static TheoryData<string, int, int> Books => new()
    {
        { "IQ2_XXS", 32, 256 }, { "IQ2_XS", 32, 512 }, { "IQ2_S", 32, 1024 }, { "IQ3_XXS", 64, 256 }, { "IQ3_S", 64, 512 }, { "IQ1_S", 32, 2048 }, { "IQ1_M", 32, 2048 },
    };

    public static TheoryData<string> Types => [.. DType.All.OfType<QuantizedDType>().Select(static dtype => dtype.Name).Where(static name => name.StartsWith("IQ", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Books))]
    public void Every_index_is_decoded_as_by_ggml(string name, int points, int indexes)
    {
        QuantizedDType dtype = Quantized(name);
        byte[] blocks = new byte[indexes / points * dtype.BlockBytes];
        for (int index = 0; index < indexes; index++)
        {
            Put(name, blocks.AsSpan(index / points * dtype.BlockBytes, dtype.BlockBytes), index % points, index);
        }
        float[] values = new float[indexes / points * dtype.BlockLength];
        dtype.DecodeFloats(blocks, values);
        Assert.Equal(Ggml.Dequantize(dtype, blocks), values);
        Assert.Equal(indexes, values.Chunk(dtype.BlockLength / points).Select(static point => string.Join(' ', point)).Distinct().Count());
    }

    [Theory]
    [InlineData("IQ2_XXS", 8)]
    [InlineData("IQ2_XS", 8)]
    [InlineData("IQ2_S", 8)]
    [InlineData("IQ3_XXS", 4)]
    [InlineData("IQ3_S", 4)]
    [InlineData("IQ1", 8)]
    public void The_nearest_point_is_the_same_with_vectors(string name, int dimensions)
    {
        if (!Avx2.IsSupported)
        {
            return; // There are no vectors to compare.
        }
        CodeBook book = Book(name);
        Assert.Equal(dimensions, book.Dimensions);
        Random random = new(1);
        float[] numbers = new float[dimensions];
        float[] weights = new float[dimensions];
        int top = dimensions == 8 ? 2 : 7;
        int others = 0;
        for (int count = 0; count < 20_000; count++)
        {
            int code = 0;
            for (int index = 0; index < dimensions; index++)
            {
                code |= random.Next(top + 1) << (book.Bits * index);
                numbers[index] = count % 3 == 0 ? random.Next(8) : (float)(random.NextDouble() * 8);
                weights[index] = count % 5 == 0 ? random.Next(2) : count % 1000 == 1 ? 1e38f : (float)random.NextDouble();
            }
            float scale = count % 7 == 0 ? 1 : (float)random.NextDouble() * 2;
            int expected = book.Closest(code, numbers, weights, scale, s_levels);
            Vector256<float> levels = dimensions == 8 ? Vector256.Create(1f, 3, 5, 7, 1, 3, 5, 7) : Vector256.Create(s_levels);
            Assert.Equal(expected, book.ClosestVector(code, ref numbers[0], ref weights[0], levels * scale));
            Assert.True(book.IndexOf(expected) >= 0);
            others += expected == code ? 0 : 1;
        }
        Assert.True(others > 5_000, "codes that are no points");
    }

    [Fact]
    public void A_group_has_the_same_points_and_scale_with_vectors()
    {
        if (!Avx2.IsSupported)
        {
            return; // There are no vectors to compare.
        }
        foreach (CodeBook book in (CodeBook[])[CodeBook.IQ2_XXS, CodeBook.IQ2_XS, CodeBook.IQ2_S, CodeBook.IQ3_XXS, CodeBook.IQ3_S])
        {
            foreach (Refinement refinement in Enum.GetValues<Refinement>())
            {
                CodeSearchOptions options = new(book.Dimensions == 8 && refinement == Refinement.OffGrid ? 16 : 32, book.Dimensions == 8 ? 9 : 15, 0.2f, refinement);
                int points = options.Length / book.Dimensions;
                CodeSearch scalar = new(book, options, new float[96], new ushort[points], new byte[4]) { Vectorised = false };
                CodeSearch vector = new(book, options, new float[96], new ushort[points], new byte[4]) { Vectorised = true };
                for (int count = 0; count < 200; count++)
                {
                    float[] numbers = Numbers(count, options.Length);
                    float[] weights = Weights(count, options.Length);
                    weights.CopyTo(scalar.Weights);
                    weights.CopyTo(vector.Weights);
                    scalar.Load(numbers);
                    vector.Load(numbers);
                    if (count % 2 == 0)
                    {
                        scalar.MakeSignsEven();
                        vector.MakeSignsEven();
                    }
                    Assert.Equal(MemoryMarshal.AsBytes(scalar.Numbers).ToArray(), MemoryMarshal.AsBytes(vector.Numbers).ToArray());
                    scalar.Fit(scalar.Largest, scalar.Largest / 5);
                    vector.Fit(vector.Largest, vector.Largest / 5);
                    Assert.Equal(BitConverter.SingleToInt32Bits(scalar.Scale), BitConverter.SingleToInt32Bits(vector.Scale));
                    Assert.Equal(scalar.Codes.ToArray(), vector.Codes.ToArray());
                    Assert.Equal(scalar.Signs.ToArray(), vector.Signs.ToArray());
                }
            }
        }
    }

    [Fact]
    public void Splits_and_orders_are_the_same_with_vectors()
    {
        if (!Avx2.IsSupported)
        {
            return; // There are no vectors to compare.
        }
        for (int count = 0; count < 500; count++)
        {
            float[] numbers = Numbers(count, 32);
            float[] weights = Weights(count, 32);
            byte[] order = new byte[32];
            byte[] vectorOrder = new byte[32];
            TernarySearch.SortScalar(numbers, order);
            TernarySearch.SortVector(numbers, vectorOrder);
            Assert.Equal(order, vectorOrder);
            float[] products = new float[40];
            float[] squares = new float[40];
            for (int rank = 0; rank < 32; rank++)
            {
                products[rank + 1] = products[rank] + weights[order[rank]] * numbers[order[rank]];
                squares[rank + 1] = squares[rank] + weights[order[rank]];
            }
            Assert.Equal(TernarySearch.TrySplits(products.AsSpan(0, 33), squares.AsSpan(0, 33)), TernarySearch.TrySplitsVector(products, squares));
            byte[] shortOrder = new byte[16];
            TernarySearch.Sort(numbers.AsSpan(0, 16), shortOrder);
            Assert.Equal(
                TernarySearch.TrySplits(numbers.AsSpan(0, 16), weights.AsSpan(0, 16), shortOrder),
                TernarySearch.TrySplitsVector(numbers.AsSpan(0, 16), weights.AsSpan(0, 16), shortOrder));
        }
    }

    [Fact]
    public void Uneven_levels_are_chosen_by_the_rounded_differences()
    {
        for (int level = 0; level < 15; level++)
        {
            // Between two levels the difference to the lower one does not fall and that to the higher one does not rise, so that one number divides them.
            float lower = UnevenLevels.Values[level];
            float higher = UnevenLevels.Values[level + 1];
            float middle = (lower + higher) / 2;
            float before = MathF.BitDecrement(middle);
            Assert.True(before - lower < higher - before);
            Assert.False(middle - lower < higher - middle);
            Assert.Equal((level, level + 1), (UnevenLevels.Nearest(before), UnevenLevels.Nearest(middle)));
        }
    }

    [Fact]
    public void Uneven_levels_are_the_same_with_vectors()
    {
        if (!Avx2.IsSupported)
        {
            return; // There are no vectors to compare.
        }
        Random random = new(4);
        for (int count = 0; count < 2_000; count++)
        {
            float[] numbers = Numbers(count, 32);
            float[] weights = Weights(count, 32);
            float largest = numbers.MaxBy(Math.Abs);
            largest = largest == 0 ? 1 : largest;
            float scale = UnevenLevels.FindScaleScalar(numbers, weights, largest);
            Assert.Equal(BitConverter.SingleToInt32Bits(scale), BitConverter.SingleToInt32Bits(UnevenLevels.FindScaleVector(numbers, weights, largest)));
            byte[] quants = new byte[16];
            byte[] vectorQuants = new byte[16];
            numbers[count % 32] = count % 64 == 0 ? float.NaN : (UnevenLevels.Values[count % 15] + UnevenLevels.Values[count % 15 + 1]) / 2f;
            float inverse = count % 2 == 0 ? 1 : 1 / scale;
            UnevenLevels.QuantizeScalar(numbers, inverse, quants);
            UnevenLevels.QuantizeVector(numbers, inverse, vectorQuants);
            Assert.Equal(quants, vectorQuants);
            random.NextBytes(quants);
            float[] values = new float[32];
            float[] vectorValues = new float[32];
            UnevenLevels.DecodeScalar(quants, scale, values);
            UnevenLevels.DecodeVector(quants, scale, vectorValues);
            Assert.Equal(values, vectorValues);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Numbers_whose_squares_overflow_are_encoded_as_zeros_or_as_what_is_not_finite(string name)
    {
        QuantizedDType dtype = Quantized(name);
        Random random = new(6);
        float[] row = new float[1024];
        float[] values = new float[row.Length];
        float[] ones = new float[row.Length];
        Array.Fill(ones, 1f);
        byte[] blocks = new byte[row.Length / dtype.BlockLength * dtype.BlockBytes];
        for (int exponent = 14; exponent <= 38; exponent++)
        {
            for (int index = 0; index < row.Length; index++)
            {
                row[index] = (float)((random.NextDouble() * 2 - 1) * Math.Pow(10, exponent));
            }
            foreach (float[] importances in (float[][])(dtype.Importances == Importances.Required ? [ones] : [[], ones]))
            {
                dtype.EncodeRow(row, importances, blocks);
                dtype.DecodeFloats(blocks, values);
                Assert.All(values, static value => Assert.True(value == 0 || !float.IsFinite(value)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Numbers_that_are_not_finite_are_encoded_somehow(string name)
    {
        QuantizedDType dtype = Quantized(name);
        float[] row = new float[1024];
        float[] ones = new float[row.Length];
        Array.Fill(ones, 1f);
        byte[] blocks = new byte[row.Length / dtype.BlockLength * dtype.BlockBytes];
        foreach (float odd in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, BitConverter.Int32BitsToSingle(0x7FFF_FFFF), float.Epsilon])
        {
            for (int index = 0; index < row.Length; index++)
            {
                row[index] = index % 16 == 3 || index < 300 ? odd : index;
            }
            dtype.EncodeRow(row, ones, blocks);
            dtype.DecodeFloats(blocks, row);
        }
    }

    // The index of one point of a block of scale 1, wherever the type has its bits.
    private static void Put(string name, Span<byte> block, int place, int index)
    {
        int high = index >> 8;
        if (name == "IQ1_M")
        {
            (block[53], block[55]) = (0xC0, 0x30);
        }
        else
        {
            BinaryPrimitives.WriteUInt16LittleEndian(block, 0x3C00);
        }
        switch (name)
        {
            case "IQ2_XXS":
                block[2 + 8 * (place / 4) + place % 4] = (byte)index;
                break;
            case "IQ2_XS":
                BinaryPrimitives.WriteUInt16LittleEndian(block[(2 + 2 * place)..], (ushort)index);
                break;
            case "IQ2_S":
                block[2 + place] = unchecked((byte)index);
                block[66 + place / 4] |= (byte)(high << (2 * (place % 4)));
                break;
            case "IQ3_XXS":
                block[2 + place] = (byte)index;
                break;
            case "IQ3_S":
                block[2 + place] = unchecked((byte)index);
                block[66 + place / 8] |= (byte)(high << (place % 8));
                break;
            case "IQ1_S":
                block[2 + place] = unchecked((byte)index);
                block[34 + 2 * (place / 4)] |= unchecked((byte)(high << (3 * (place % 4))));
                block[35 + 2 * (place / 4)] |= (byte)(high << (3 * (place % 4)) >> 8);
                break;
            default:
                block[place] = unchecked((byte)index);
                block[32 + place / 2] |= (byte)(high << (4 * (place % 2)));
                break;
        }
    }

    private static QuantizedDType Quantized(string name) => DType.TryParse(name, out DType dtype) ? (QuantizedDType)dtype : throw new ArgumentException(name);

    private static CodeBook Book(string name) => name switch
    {
        "IQ2_XXS" => CodeBook.IQ2_XXS,
        "IQ2_XS" => CodeBook.IQ2_XS,
        "IQ2_S" => CodeBook.IQ2_S,
        "IQ3_XXS" => CodeBook.IQ3_XXS,
        "IQ3_S" => CodeBook.IQ3_S,
        _ => CodeBook.IQ1,
    };

    // Of many kinds: integers, among which many are equal, small and large ones, zeros.
    private static float[] Numbers(int seed, int length)
    {
        Random random = new(seed);
        float[] numbers = new float[length];
        for (int index = 0; index < length; index++)
        {
            numbers[index] = (float)((seed % 5) switch
            {
                0 => random.Next(-4, 5),
                1 => random.NextDouble() - 0.5,
                2 => random.Next(4) == 0 ? -1e3 * random.NextDouble() : 0,
                3 => Math.Pow(10, random.Next(-20, 10)) * random.Next(-3, 4),
                _ => 1,
            });
        }
        return numbers;
    }

    private static float[] Weights(int seed, int length)
    {
        Random random = new(~seed);
        float[] weights = new float[length];
        for (int index = 0; index < length; index++)
        {
            weights[index] = (seed % 7) switch { 0 => 1, 1 => random.Next(2), _ => (float)random.NextDouble() };
        }
        return weights;
    }
}
