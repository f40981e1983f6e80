using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.Passes.Packing;

/// <summary>Sixteen levels that are not equally far from each other: the code of the nearest to x / scale.</summary>
internal sealed class LevelCoder : BlockCoder
{
    private const int SignCode = 8;

    private readonly LevelSet _set;
    private readonly bool _isSigned;
    private readonly bool _hasNegativeZero;
    private readonly Vector128<byte> _codes;
    private readonly Vector256<float> _lowerLevels;
    private readonly Vector256<float> _upperLevels;

    // The bounds that a number is compared with, one after the other: the middle one; that of the half where it then is; of the quarter; where there are fifteen, of the eighth.
    private readonly Vector256<float> _middle;
    private readonly Vector256<float> _ofHalves;
    private readonly Vector256<float> _ofQuarters;
    private readonly Vector256<float> _ofEighths;

    private LevelCoder(LevelSet set, ScaleStorage storage, bool hasNegativeZero = false)
        : base(storage)
    {
        (_set, _isSigned, _hasNegativeZero) = (set, set.Codes.Length == SignCode, hasNegativeZero);
        Span<byte> codes = stackalloc byte[16];
        codes.Clear();
        set.Codes.CopyTo(codes);
        _codes = Vector128.Create<byte>(codes);
        (_lowerLevels, _upperLevels) = (Vector256.Create(set.Levels), Vector256.Create(set.Levels, 8));
        (_middle, _ofHalves, _ofQuarters, _ofEighths) = (Bounds(2), Bounds(4), Bounds(8), Bounds(16));
    }

    /// <summary>4-bit floats E2M1, rounded to even.</summary>
    /// <param name="storage">How scales are stored.</param>
    /// <param name="hasNegativeZero">Whether a negative zero has the code of one, which libraries give only to what becomes zero by rounding.</param>
    public static LevelCoder E2M1(ScaleStorage storage, bool hasNegativeZero = false) => new(LevelSets.E2M1, storage, hasNegativeZero);

    /// <summary>bitsandbytes' NF4.</summary>
    public static LevelCoder NF4(ScaleStorage storage) => new(LevelSets.NF4, storage);

    /// <summary>bitsandbytes' FP4.</summary>
    public static LevelCoder FP4(ScaleStorage storage) => new(LevelSets.FP4, storage);

    public override (float Scale, int ZeroPoint) Fit(NumberRange range) => (Storage.Fit(range.Magnitude, _set.Largest), 0);

    public override int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes)
    {
        float factor = Storage.Value(scale);
        Divisor by = _set.IsMultiplied ? Divisor.OfInverse(1 / factor) : new(factor);
        int beyond = 0;
        int index = 0;
        for (; index + 16 <= numbers.Length; index += 16)
        {
            Codes(numbers.Slice(index, 16), in by, ref beyond).CopyTo(codes[index..]);
        }
        if (index < numbers.Length)
        {
            beyond += EncodeRest(numbers[index..], scale, codes[index..]);
        }
        return beyond;
    }

    public override void Decode(ReadOnlySpan<byte> codes, float scale, int zeroPoint, Span<float> numbers)
    {
        float factor = Storage.Value(scale);
        int index = 0;
        for (; index + 8 <= numbers.Length; index += 8)
        {
            Vector128<byte> eight = Vector128.CreateScalar(MemoryMarshal.Read<long>(codes[index..])).AsByte();
            Vector256<int> code = Vector256.WidenLower(Vector256.WidenLower(eight.ToVector256())).AsInt32();
            Vector256<int> place = code & Vector256.Create(7);
            Vector256<float> isUpper = Vector256.GreaterThan(code, Vector256.Create(7)).AsSingle();
            Vector256<float> levels = Vector256.ConditionalSelect(isUpper, Vector256.ShuffleNative(_upperLevels, place), Vector256.ShuffleNative(_lowerLevels, place));
            (levels * factor).CopyTo(numbers[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            numbers[index] = _set.Levels[codes[index]] * factor;
        }
    }

    // Fewer than sixteen.
    private int EncodeRest(ReadOnlySpan<float> numbers, float scale, Span<byte> codes)
    {
        Span<float> all = stackalloc float[16];
        Span<byte> allCodes = stackalloc byte[16];
        all.Clear();
        numbers.CopyTo(all);
        int beyond = Encode(all, scale, 0, allCodes);
        allCodes[..numbers.Length].CopyTo(codes);
        return beyond;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<byte> Codes(ReadOnlySpan<float> numbers, in Divisor by, ref int beyond)
    {
        Vector256<int> a = Ranks(by.Divide(Vector256.Create(numbers)), ref beyond);
        Vector256<int> b = Ranks(by.Divide(Vector256.Create(numbers[8..])), ref beyond);
        Vector256<short> pairs = Vector256.NarrowWithSaturation(a, b);
        Vector128<byte> ranks = Vector128.NarrowWithSaturation(pairs.GetLower(), pairs.GetUpper()).AsByte();
        return Vector128.Shuffle(_codes, ranks & Vector128.Create((byte)0xF)) | ((ranks >>> 1) & Vector128.Create((byte)SignCode));
    }

    // The rank, and 16 for negative numbers where there is a sign. A NaN has the rank of zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<int> Ranks(Vector256<float> scaled, ref int beyond)
    {
        Vector256<float> magnitude = Vector256.Abs(scaled);
        beyond += BitOperations.PopCount(Vector256.GreaterThan(magnitude, Vector256.Create(_set.Beyond)).ExtractMostSignificantBits());
        Vector256<float> compared = (_isSigned ? magnitude : scaled) & Vector256.Equals(scaled, scaled);
        Vector256<int> rank = Vector256<int>.Zero - Vector256.GreaterThan(compared, _middle).AsInt32();
        rank = Step(rank, OfFour(_ofHalves, rank), compared);
        rank = Step(rank, OfFour(_ofQuarters, rank), compared);
        return _isSigned
            ? rank | ((_hasNegativeZero ? scaled.AsInt32() >>> 27 : Vector256.LessThan(scaled, Vector256<float>.Zero).AsInt32()) & Vector256.Create(16))
            : Step(rank, Vector256.ShuffleNative(_ofEighths, rank), compared);
    }

    // Of twice as many parts of the levels, the one where each number is.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Step(Vector256<int> part, Vector256<float> bounds, Vector256<float> numbers) => part + part - Vector256.GreaterThan(numbers, bounds).AsInt32();

    // What both halves of a vector have four of is looked up in each half, which is faster.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> OfFour(Vector256<float> bounds, Vector256<int> places) => Avx.IsSupported ? Avx.PermuteVar(bounds, places) : Vector256.ShuffleNative(bounds, places);

    // Those between which there are so many parts of the levels, twice where they are four or fewer.
    private Vector256<float> Bounds(int parts)
    {
        Span<float> bounds = stackalloc float[Vector256<float>.Count];
        bounds.Clear();
        int step = (_set.Bounds.Length + 1) / parts;
        for (int index = 0; step > 0 && index < bounds.Length; index++)
        {
            bounds[index] = _set.Bounds[(((2 * (index % (parts / 2))) + 1) * step) - 1];
        }
        return Vector256.Create<float>(bounds);
    }
}
