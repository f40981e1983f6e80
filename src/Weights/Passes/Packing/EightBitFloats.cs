using System.Numerics;
using System.Runtime.CompilerServices;
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

    // Added to a power of two that is so much larger than the one in it, a number keeps three bits after its first one, rounded to even; subnormal ones have the exponent of the least normal one.
    private const int ExponentBits = 0x7F800000;
    private const int ToLastBit = 20 << 23;

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
        Divisor by = new(divisor);
        for (; index + 32 <= numbers.Length; index += 32)
        {
            ReadOnlySpan<float> part = numbers.Slice(index, 32);
            Vector256<int> a = Codes(by.Divide(Vector256.Create(part)), ref beyond);
            Vector256<int> b = Codes(by.Divide(Vector256.Create(part[8..])), ref beyond);
            Vector256<int> c = Codes(by.Divide(Vector256.Create(part[16..])), ref beyond);
            Vector256<int> d = Codes(by.Divide(Vector256.Create(part[24..])), ref beyond);
            Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).AsByte().CopyTo(codes[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            codes[index] = (byte)Codes(by.Divide(Vector256.CreateScalar(numbers[index])), ref beyond)[0];
        }
        return beyond;
    }

    /// <summary>The number of the type that is nearest to one that is not negative, NaN for NaN.</summary>
    public static float Nearest(float number)
    {
        float magnitude = Math.Min(number, Largest);
        float power = BitConverter.Int32BitsToSingle(unchecked((BitConverter.SingleToInt32Bits(Math.Max(magnitude, LeastNormal)) & ExponentBits) + ToLastBit));
        return magnitude + power - power;
    }

    /// <summary>What codes stand for, multiplied.</summary>
    public static void Decode(ReadOnlySpan<byte> codes, float factor, Span<float> numbers)
    {
        int index = 0;
        Vector256<float> nan = Vector256.Create(Values[0x7F]);
        for (; index + 8 <= numbers.Length; index += 8)
        {
            Vector128<byte> eight = Vector128.CreateScalar(MemoryMarshal.Read<long>(codes[index..])).AsByte();
            Vector256<int> code = Vector256.WidenLower(Vector256.WidenLower(eight.ToVector256())).AsInt32();
            Vector256<int> sign = (code & Vector256.Create(0x80)) << 24;
            Vector256<int> rest = code & Vector256.Create(0x7F);
            // Exponents are 120 apart. Without one, 1/64 is added by counting its exponent, and taken away again.
            Vector256<int> bits = (rest << 20) + Vector256.Create(120 << 23);
            Vector256<float> subnormal = (bits + Vector256.Create(1 << 23)).AsSingle() - Vector256.Create(LeastNormal);
            Vector256<float> magnitude = Vector256.ConditionalSelect(Vector256.LessThan(rest, Vector256.Create(8)).AsSingle(), subnormal, bits.AsSingle());
            magnitude = Vector256.ConditionalSelect(Vector256.Equals(rest, Vector256.Create(0x7F)).AsSingle(), nan, magnitude);
            ((magnitude.AsInt32() | sign).AsSingle() * factor).CopyTo(numbers[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            numbers[index] = Values[codes[index]] * factor;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Codes(Vector256<float> numbers, ref int beyond)
    {
        Vector256<float> magnitude = Vector256.Abs(numbers);
        beyond += BitOperations.PopCount(Vector256.GreaterThan(magnitude, Vector256.Create(Beyond)).ExtractMostSignificantBits());
        magnitude = Vector256.MinNative(magnitude, Vector256.Create(Largest));
        Vector256<int> exponent = Vector256.MaxNative(magnitude, Vector256.Create(LeastNormal)).AsInt32() & Vector256.Create(ExponentBits);
        Vector256<int> rounded = (magnitude + (exponent + Vector256.Create(ToLastBit)).AsSingle()).AsInt32();
        Vector256<int> code = (rounded & Vector256.Create(0xFF)) + ((exponent >>> 20) - Vector256.Create(121 << 3));
        Vector256<int> isNumber = Vector256.Equals(numbers, numbers).AsInt32();
        return Vector256.ConditionalSelect(isNumber, code, Vector256.Create(0x7F)) | ((numbers.AsInt32() >>> 24) & Vector256.Create(0x80));
    }

    private static float[] Table()
    {
        float[] values = new float[256];
        byte[] codes = [.. Enumerable.Range(0, values.Length).Select(static code => (byte)code)];
        Conversion.Between(DType.F8E4M3, DType.F32)(codes, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
