using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes;

namespace Weights.Passes.Packing;

/// <summary>Many F8_E4M3 at once: rounded to even as <see cref="DType.F8E4M3"/> does, but saturating, as numbers are that have been scaled to the range of the type.</summary>
internal static class EightBitFloats
{
    private const float Largest = 448;

    // Halfway from the largest to what would be the next.
    private const float Beyond = 464;

    private const float LeastNormal = 1 / 64f;
    private const float PerSubnormal = 512;

    /// <summary>The number of each code.</summary>
    public static float[] Values { get; } = Table();

    /// <summary>The codes of numbers, NaN where they are NaN.</summary>
    /// <param name="numbers">Any numbers.</param>
    /// <param name="divisor">What they are divided by first.</param>
    /// <param name="codes">Receives as many codes.</param>
    /// <returns>How many are beyond the largest by more than half a step.</returns>
    public static int Encode(ReadOnlySpan<float> numbers, float divisor, Span<byte> codes)
    {
        int index = 0;
        int beyond = 0;
        for (; index + 32 <= numbers.Length; index += 32)
        {
            Vector256<int> a = Codes(Vector256.Create(numbers[index..]) / divisor, ref beyond);
            Vector256<int> b = Codes(Vector256.Create(numbers[(index + 8)..]) / divisor, ref beyond);
            Vector256<int> c = Codes(Vector256.Create(numbers[(index + 16)..]) / divisor, ref beyond);
            Vector256<int> d = Codes(Vector256.Create(numbers[(index + 24)..]) / divisor, ref beyond);
            Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).AsByte().CopyTo(codes[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            codes[index] = (byte)Codes(Vector256.CreateScalar(numbers[index] / divisor), ref beyond)[0];
        }
        return beyond;
    }

    private static Vector256<int> Codes(Vector256<float> numbers, ref int beyond)
    {
        beyond += BitOperations.PopCount(Vector256.GreaterThan(Vector256.Abs(numbers), Vector256.Create(Beyond)).ExtractMostSignificantBits());
        Vector256<int> sign = (numbers.AsInt32() >>> 24) & Vector256.Create(0x80);
        Vector256<float> magnitude = Vector256.MinNative(Vector256.Abs(numbers), Vector256.Create(Largest));
        Vector256<int> bits = magnitude.AsInt32();
        // Three bits of the fraction stay; half of the rest is added, a little less where the last bit is even. Exponents are 120 apart.
        Vector256<int> normal = ((bits + Vector256.Create(0x7FFFF) + ((bits >>> 20) & Vector256<int>.One)) >>> 20) - Vector256.Create(120 << 3);
        Vector256<int> subnormal = Vector256.ConvertToInt32(Vector256.Round(magnitude * PerSubnormal));
        Vector256<int> code = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(LeastNormal)).AsInt32(), subnormal, normal);
        Vector256<int> isNumber = Vector256.Equals(numbers, numbers).AsInt32();
        return Vector256.ConditionalSelect(isNumber, code, Vector256.Create(0x7F)) | sign;
    }

    private static float[] Table()
    {
        float[] values = new float[256];
        byte[] codes = [.. Enumerable.Range(0, values.Length).Select(static code => (byte)code)];
        Conversion.Between(DType.F8E4M3, DType.F32)(codes, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
