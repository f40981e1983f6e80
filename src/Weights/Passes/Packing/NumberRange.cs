using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>The least and the greatest of some numbers and zero; what is not finite does not count.</summary>
internal readonly record struct NumberRange(float Least, float Greatest)
{
    /// <summary>The larger of both distances from zero.</summary>
    public float Magnitude => Math.Max(-Least, Greatest);

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
        (float low, float high) = (0, 0);
        for (int lane = 0; lane < Vector256<float>.Count; lane++)
        {
            (low, high) = (Math.Min(low, least[lane]), Math.Max(high, greatest[lane]));
        }
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

    /// <summary>The numbers, and zero in place of those that are not finite.</summary>
    public static Vector256<float> Finite(Vector256<float> numbers) => numbers & Vector256.LessThan(Vector256.Abs(numbers), Vector256.Create(float.PositiveInfinity));
}
