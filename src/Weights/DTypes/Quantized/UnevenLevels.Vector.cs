using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>
/// The same with AVX2: eight scales at a time, each in a lane in which its sums are added in the order of the numbers, and eight levels found at a time by
/// four comparisons each.
/// </summary>
internal static partial class UnevenLevels
{
    // Trials and the scale that comes before them.
    private const int Lanes = 2 * Reach + 2;

    /// <summary>As <see cref="Nearest(float)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Nearest(Vector256<float> numbers) => Nearest(numbers, out _);

    /// <summary>As <see cref="FindScale"/>, for a number of the largest magnitude that is not negligible.</summary>
    [SkipLocalsInit]
    public static float FindScaleVector(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float largest)
    {
        Span<float> products = stackalloc float[Lanes];
        Span<float> squares = stackalloc float[Lanes];
        Vector256<float> lowest = Vector256.Create((float)Values[0]);
        Vector256<float> steps = Vector256.ConvertToSingle(Vector256<int>.Indices);
        Vector256<float> inverses0 = ((lowest + (steps - Vector256.Create(Reach + 1f))) / Vector256.Create(largest)).WithElement(0, 1 / (-largest / Values[0]));
        Vector256<float> inverses1 = (lowest + steps) / Vector256.Create(largest);
        Vector256<float> product0 = Vector256<float>.Zero;
        Vector256<float> product1 = Vector256<float>.Zero;
        Vector256<float> square0 = Vector256<float>.Zero;
        Vector256<float> square1 = Vector256<float>.Zero;
        for (int index = 0; index < numbers.Length; index++)
        {
            Vector256<float> number = Vector256.Create(numbers[index]);
            Vector256<float> weight = Vector256.Create(weights[index]);
            Vector256<float> level0 = NearestValues(inverses0 * number);
            Vector256<float> level1 = NearestValues(inverses1 * number);
            product0 += weight * level0 * number;
            product1 += weight * level1 * number;
            square0 += weight * level0 * level0;
            square1 += weight * level1 * level1;
        }
        product0.CopyTo(products);
        product1.CopyTo(products[8..]);
        square0.CopyTo(squares);
        square1.CopyTo(squares[8..]);
        float scale = squares[0] > 0 ? products[0] / squares[0] : 0;
        float best = scale * products[0];
        for (int lane = 1; lane < Lanes; lane++)
        {
            if (squares[lane] > 0 && products[lane] * products[lane] > best * squares[lane])
            {
                scale = products[lane] / squares[lane];
                best = scale * products[lane];
            }
        }
        return scale;
    }

    /// <summary>As <see cref="Quantize"/>.</summary>
    public static void QuantizeVector(ReadOnlySpan<float> numbers, float inverse, Span<byte> quants)
    {
        Vector256<int> first = Nearest(Vector256.Create(numbers) * inverse) | Nearest(Vector256.Create(numbers[16..]) * inverse) << 4;
        Vector256<int> second = Nearest(Vector256.Create(numbers[8..]) * inverse) | Nearest(Vector256.Create(numbers[24..]) * inverse) << 4;
        Vector256<short> both = Vector256.Narrow(first, second);
        Vector128.Narrow(both.GetLower(), both.GetUpper()).AsByte().CopyTo(quants);
    }

    /// <summary>As <see cref="Decode"/>.</summary>
    public static void DecodeVector(ReadOnlySpan<byte> quants, float scale, Span<float> numbers)
    {
        Vector128<byte> packed = Vector128.Create(quants);
        Vector128<sbyte> values = Vector128.Create(Values);
        Vector128<sbyte> low = Ssse3.Shuffle(values, (packed & Vector128.Create((byte)15)).AsSByte());
        Vector128<sbyte> high = Ssse3.Shuffle(values, (packed >>> 4).AsSByte());
        ref float target = ref MemoryMarshal.GetReference(numbers[..32]);
        (Widen(low) * scale).StoreUnsafe(ref target);
        (Widen(Sse2.ShiftRightLogical128BitLane(low, 8)) * scale).StoreUnsafe(ref target, 8);
        (Widen(high) * scale).StoreUnsafe(ref target, 16);
        (Widen(Sse2.ShiftRightLogical128BitLane(high, 8)) * scale).StoreUnsafe(ref target, 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(Vector128<sbyte> values) => Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(values));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> NearestValues(Vector256<float> numbers)
    {
        Vector256<int> nearest = Nearest(numbers, out Vector256<float> upper);
        Vector256<float> low = Avx2.PermuteVar8x32(Vector256.Create(-127f, -104, -83, -65, -49, -35, -22, -10), nearest);
        Vector256<float> high = Avx2.PermuteVar8x32(Vector256.Create(1f, 13, 25, 38, 53, 69, 89, 113), nearest);
        return Avx.BlendVariable(low, high, upper);
    }

    // A binary search among the numbers halfway between two levels. None is less than a NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Nearest(Vector256<float> numbers, out Vector256<float> upper)
    {
        upper = Avx.CompareNotLessThan(numbers, Vector256.Create(-4.5f));
        Vector256<float> quarter = Avx.CompareNotLessThan(numbers, Avx.BlendVariable(Vector256.Create(-57f), Vector256.Create(45.5f), upper));
        Vector256<int> index = (upper.AsInt32() & Vector256.Create(2)) - quarter.AsInt32();
        Vector256<float> eighths = Avx.PermuteVar(Vector256.Create(-93.5f, -28.5f, 19, 79, -93.5f, -28.5f, 19, 79), index);
        index = index + index - Avx.CompareNotLessThan(numbers, eighths).AsInt32();
        Vector256<float> sixteenths = Avx2.PermuteVar8x32(Vector256.Create(-115.5f, -74, -42, -16, 7, 31.5f, 61, 101), index);
        return index + index - Avx.CompareNotLessThan(numbers, sixteenths).AsInt32();
    }
}
