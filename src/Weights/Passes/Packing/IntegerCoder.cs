using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>
/// Signed integers: code = round(x / scale + zero point), x ≈ (code − zero point) · scale. The range from the largest number to its negative, or from the least number to the
/// greatest, becomes that of all codes, as compressed-tensors' observers choose it; zero is always one of the numbers.
/// </summary>
/// <param name="bits">Bits of an integer, 2 to 8.</param>
/// <param name="isSymmetric">Whether zero points are 0.</param>
/// <param name="search">Whether smaller ranges are tried.</param>
/// <param name="storage">How scales are stored.</param>
internal sealed partial class IntegerCoder(int bits, bool isSymmetric, ScaleSearching search, ScaleStorage storage) : BlockCoder(storage)
{
    // What a scale loses when it is rounded to 8 bits, which cuts nothing off.
    private const float Slack = 1 / 256f;

    private readonly float _lowest = -(1 << (bits - 1));
    private readonly float _highest = (1 << (bits - 1)) - 1;

    // What is beyond is cut off.
    private readonly float _least = -(1 << (bits - 1)) - 0.5f - ((1 << (bits - 1)) * Slack);
    private readonly float _most = (1 << (bits - 1)) - 0.5f + (((1 << (bits - 1)) - 1) * Slack);

    public override bool FitsRanges => search == ScaleSearching.Absmax;

    public override (float Scale, int ZeroPoint) Fit(ReadOnlySpan<float> numbers) =>
        FitsRanges ? Fit(NumberRange.Of(numbers)) : Search(numbers, NumberRange.Of(numbers));

    public override (float Scale, int ZeroPoint) Fit(NumberRange range, Action<Action<ReadOnlySpan<float>>> read) =>
        FitsRanges ? Fit(range) : Search(range, read);

    public override (float Scale, int ZeroPoint) Fit(NumberRange range)
    {
        float steps = _highest - _lowest;
        if (isSymmetric)
        {
            return (Storage.Fit(range.Magnitude, steps / 2), 0);
        }
        float scale = Storage.Fit((float)((double)range.Greatest - range.Least), steps);
        return (scale, unchecked((int)MathF.Round(Math.Clamp(_lowest - (range.Least / scale), _lowest, _highest))));
    }

    public override int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes)
    {
        (Vector256<float> divisor, Vector256<float> zero) = (Vector256.Create(scale), Vector256.Create((float)zeroPoint));
        int saturated = 0;
        int index = 0;
        for (; index + 32 <= numbers.Length; index += 32)
        {
            ReadOnlySpan<float> part = numbers.Slice(index, 32);
            Vector256<int> a = Codes(Vector256.Create(part), divisor, zero, ref saturated);
            Vector256<int> b = Codes(Vector256.Create(part[8..]), divisor, zero, ref saturated);
            Vector256<int> c = Codes(Vector256.Create(part[16..]), divisor, zero, ref saturated);
            Vector256<int> d = Codes(Vector256.Create(part[24..]), divisor, zero, ref saturated);
            Vector256.NarrowWithSaturation(Vector256.NarrowWithSaturation(a, b), Vector256.NarrowWithSaturation(c, d)).AsByte().CopyTo(codes[index..]);
        }
        for (; index + 8 <= numbers.Length; index += 8)
        {
            Vector256<int> eight = Codes(Vector256.Create(numbers.Slice(index, 8)), divisor, zero, ref saturated);
            Vector128<short> narrow = Vector128.NarrowWithSaturation(eight.GetLower(), eight.GetUpper());
            MemoryMarshal.Write(codes[index..], Vector128.NarrowWithSaturation(narrow, narrow).AsInt64()[0]);
        }
        for (; index < numbers.Length; index++)
        {
            codes[index] = unchecked((byte)Codes(Vector256.CreateScalar(numbers[index]), divisor, zero, ref saturated)[0]);
        }
        return saturated;
    }

    public override void Decode(ReadOnlySpan<byte> codes, float scale, int zeroPoint, Span<float> numbers)
    {
        int index = 0;
        (Vector256<float> factor, Vector256<int> zero) = (Vector256.Create(scale), Vector256.Create(zeroPoint));
        for (; index + 8 <= numbers.Length; index += 8)
        {
            Vector128<sbyte> eight = Vector128.CreateScalar(MemoryMarshal.Read<long>(codes[index..])).AsSByte();
            Vector256<int> wide = Vector256.WidenLower(Vector256.WidenLower(eight.ToVector256()));
            (Vector256.ConvertToSingle(wide - zero) * factor).CopyTo(numbers[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            numbers[index] = (unchecked((sbyte)codes[index]) - zeroPoint) * scale;
        }
    }

    // Only the first and the last code have numbers farther away than half a step.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<int> Codes(Vector256<float> numbers, Vector256<float> divisor, Vector256<float> zero, ref int saturated)
    {
        Vector256<float> exact = (numbers / divisor) + zero;
        Vector256<float> isBeyond = Vector256.LessThan(exact, Vector256.Create(_least)) | Vector256.GreaterThan(exact, Vector256.Create(_most));
        saturated += BitOperations.PopCount(isBeyond.ExtractMostSignificantBits());
        return Vector256.ConvertToInt32Native(Vector256.ConditionalSelect(Vector256.Equals(exact, exact), Nearest(exact), zero));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<float> Nearest(Vector256<float> exact) => Vector256.MinNative(Vector256.MaxNative(Vector256.Round(exact), Vector256.Create(_lowest)), Vector256.Create(_highest));
}

/// <summary>How the scale of integers is found.</summary>
public enum ScaleSearching
{
    /// <summary>So that all numbers are within the range of the codes.</summary>
    Absmax,

    /// <summary>So that the squares of all errors are least, even if the largest numbers are cut off.</summary>
    Mse,
}
