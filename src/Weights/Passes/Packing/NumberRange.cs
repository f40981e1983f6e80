using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>The least and the greatest of some numbers and zero; what is not finite does not count.</summary>
internal readonly record struct NumberRange(float Least, float Greatest)
{
    /// <summary>The larger of both distances from zero.</summary>
    public float Magnitude => float.MaxNative(-Least, Greatest);

    /// <summary>The range of some numbers.</summary>
    public static NumberRange Of(ReadOnlySpan<float> numbers)
    {
        (Vector256<float> least, Vector256<float> greatest) = (Vector256<float>.Zero, Vector256<float>.Zero);
        ReadOnlySpan<Vector256<float>> vectors = MemoryMarshal.Cast<float, Vector256<float>>(numbers);
        foreach (Vector256<float> vector in vectors)
        {
            Vector256<float> finite = Finite(vector);
            (least, greatest) = (Vector256.MinNative(least, finite), Vector256.MaxNative(greatest, finite));
        }
        Vector128<float> lowest = Vector128.MinNative(least.GetLower(), least.GetUpper());
        Vector128<float> highest = Vector128.MaxNative(greatest.GetLower(), greatest.GetUpper());
        lowest = Vector128.MinNative(lowest, Vector128.Shuffle(lowest, Vector128.Create(2, 3, 0, 1)));
        highest = Vector128.MaxNative(highest, Vector128.Shuffle(highest, Vector128.Create(2, 3, 0, 1)));
        lowest = Vector128.MinNative(lowest, Vector128.Shuffle(lowest, Vector128.Create(1, 0, 3, 2)));
        highest = Vector128.MaxNative(highest, Vector128.Shuffle(highest, Vector128.Create(1, 0, 3, 2)));
        // Of both zeros, the sum is that without a sign.
        (float low, float high) = (lowest[0] + 0f, highest[0] + 0f);
        foreach (float number in numbers[(vectors.Length * Vector256<float>.Count)..])
        {
            if (float.IsFinite(number))
            {
                (low, high) = (Math.Min(low, number), Math.Max(high, number));
            }
        }
        return new(low, high);
    }

    /// <summary>Both ranges.</summary>
    public NumberRange With(NumberRange other) => new(Math.Min(Least, other.Least), Math.Max(Greatest, other.Greatest));

    /// <summary>Whether all numbers are finite.</summary>
    public static bool AreFinite(ReadOnlySpan<float> numbers)
    {
        ReadOnlySpan<Vector256<float>> vectors = MemoryMarshal.Cast<float, Vector256<float>>(numbers);
        Vector256<float> isFinite = Vector256<float>.AllBitsSet;
        foreach (Vector256<float> vector in vectors)
        {
            isFinite &= Vector256.LessThan(Vector256.Abs(vector), Vector256.Create(float.PositiveInfinity));
        }
        bool areFinite = isFinite.ExtractMostSignificantBits() == 0xFF;
        foreach (float number in numbers[(vectors.Length * Vector256<float>.Count)..])
        {
            areFinite &= float.IsFinite(number);
        }
        return areFinite;
    }

    /// <summary>The numbers, and zero in place of those that are not finite.</summary>
    public static Vector256<float> Finite(Vector256<float> numbers) => numbers & Vector256.LessThan(Vector256.Abs(numbers), Vector256.Create(float.PositiveInfinity));
}
