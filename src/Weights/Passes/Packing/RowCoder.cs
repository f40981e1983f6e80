using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>LLM.int8(): code = round(x · (127 / m)) with m the largest number of a row, which is what is stored; x ≈ (code · m) · (1 / 127), all as F32.</summary>
internal sealed class RowCoder() : BlockCoder(ScaleStorage.Magnitude())
{
    private const float Levels = 127;
    private const float Reciprocal = 1 / Levels;

    public override (float Scale, int ZeroPoint) Fit(NumberRange range) => (Storage.Fit(range.Magnitude, Levels), 0);

    public override int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes)
    {
        float factor = scale == 0 ? 0 : Levels / scale;
        int beyond = 0;
        int index = 0;
        for (; index + 32 <= numbers.Length; index += 32)
        {
            ReadOnlySpan<float> part = numbers.Slice(index, 32);
            Vector256<int> a = Codes(Vector256.Create(part), factor, ref beyond);
            Vector256<int> b = Codes(Vector256.Create(part[8..]), factor, ref beyond);
            Vector256<int> c = Codes(Vector256.Create(part[16..]), factor, ref beyond);
            Vector256<int> d = Codes(Vector256.Create(part[24..]), factor, ref beyond);
            Vector256.NarrowWithSaturation(Vector256.NarrowWithSaturation(a, b), Vector256.NarrowWithSaturation(c, d)).AsByte().CopyTo(codes[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            codes[index] = unchecked((byte)Codes(Vector256.CreateScalar(numbers[index]), factor, ref beyond)[0]);
        }
        return beyond;
    }

    public override void Decode(ReadOnlySpan<byte> codes, float scale, int zeroPoint, Span<float> numbers)
    {
        int index = 0;
        for (; index + 8 <= numbers.Length; index += 8)
        {
            Vector128<sbyte> eight = Vector128.CreateScalar(MemoryMarshal.Read<long>(codes[index..])).AsSByte();
            Vector256<int> wide = Vector256.WidenLower(Vector256.WidenLower(eight.ToVector256()));
            (Vector256.ConvertToSingle(wide) * scale * Reciprocal).CopyTo(numbers[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            numbers[index] = unchecked((sbyte)codes[index]) * scale * Reciprocal;
        }
    }

    // Infinities, and nothing else, are beyond; a NaN becomes 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Codes(Vector256<float> numbers, float factor, ref int beyond)
    {
        Vector256<float> code = Vector256.Round(numbers * factor);
        beyond += BitOperations.PopCount(Vector256.GreaterThan(Vector256.Abs(code), Vector256.Create(Levels)).ExtractMostSignificantBits());
        Vector256<float> within = Vector256.MinNative(Vector256.MaxNative(code, Vector256.Create(-Levels)), Vector256.Create(Levels));
        return Vector256.ConvertToInt32Native(Vector256.ConditionalSelect(Vector256.Equals(code, code), within, Vector256<float>.Zero));
    }
}
