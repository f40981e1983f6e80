using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>Sixteen levels that are not equally far from each other: the code of the nearest to x / scale.</summary>
internal sealed class LevelCoder : BlockCoder
{
    private const int SignCode = 8;

    private readonly LevelSet _set;
    private readonly bool _isSigned;
    private readonly Vector256<byte> _codes;
    private readonly Vector256<float> _lowerLevels;
    private readonly Vector256<float> _upperLevels;
    private readonly int _rankOfZero;

    private LevelCoder(LevelSet set, ScaleStorage storage)
        : base(storage)
    {
        (_set, _isSigned) = (set, set.Codes.Length == SignCode);
        Span<byte> codes = stackalloc byte[16];
        codes.Clear();
        set.Codes.CopyTo(codes);
        _codes = Vector256.Create(Vector128.Create<byte>(codes), Vector128.Create<byte>(codes));
        (_lowerLevels, _upperLevels) = (Vector256.Create(set.Levels), Vector256.Create(set.Levels, 8));
        _rankOfZero = Array.IndexOf(set.Codes, (byte)Array.IndexOf(set.Levels, 0f));
    }

    /// <summary>4-bit floats E2M1, rounded to even.</summary>
    public static LevelCoder E2M1(ScaleStorage storage) => new(LevelSets.E2M1, storage);

    /// <summary>bitsandbytes' NF4.</summary>
    public static LevelCoder NF4(ScaleStorage storage) => new(LevelSets.NF4, storage);

    /// <summary>bitsandbytes' FP4.</summary>
    public static LevelCoder FP4(ScaleStorage storage) => new(LevelSets.FP4, storage);

    public override (float Scale, int ZeroPoint) Fit(NumberRange range) => (Storage.Fit(range.Magnitude, _set.Largest), 0);

    public override int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes)
    {
        float factor = Storage.Value(scale);
        Vector256<float> divisor = Vector256.Create(_set.IsMultiplied ? 1 / factor : factor);
        int beyond = 0;
        int index = 0;
        for (; index + 32 <= numbers.Length; index += 32)
        {
            Codes(numbers.Slice(index, 32), divisor, ref beyond).CopyTo(codes[index..]);
        }
        if (index < numbers.Length)
        {
            Span<float> rest = stackalloc float[32];
            Span<byte> restCodes = stackalloc byte[32];
            rest.Clear();
            numbers[index..].CopyTo(rest);
            Codes(rest, divisor, ref beyond).CopyTo(restCodes);
            restCodes[..(numbers.Length - index)].CopyTo(codes[index..]);
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
            Vector256<float> levels = Vector256.ConditionalSelect(isUpper, Vector256.Shuffle(_upperLevels, place), Vector256.Shuffle(_lowerLevels, place));
            (levels * factor).CopyTo(numbers[index..]);
        }
        for (; index < numbers.Length; index++)
        {
            numbers[index] = _set.Levels[codes[index]] * factor;
        }
    }

    private Vector256<byte> Codes(ReadOnlySpan<float> numbers, Vector256<float> divisor, ref int beyond)
    {
        Vector256<int> a = Ranks(Vector256.Create(numbers), divisor, ref beyond);
        Vector256<int> b = Ranks(Vector256.Create(numbers[8..]), divisor, ref beyond);
        Vector256<int> c = Ranks(Vector256.Create(numbers[16..]), divisor, ref beyond);
        Vector256<int> d = Ranks(Vector256.Create(numbers[24..]), divisor, ref beyond);
        Vector256<byte> ranks = Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).AsByte();
        Vector256<byte> places = ranks & Vector256.Create((byte)0xF);
        Vector256<byte> codes = Vector256.Create(Vector128.Shuffle(_codes.GetLower(), places.GetLower()), Vector128.Shuffle(_codes.GetLower(), places.GetUpper()));
        return codes | ((ranks >>> 4) & Vector256.Create((byte)SignCode));
    }

    // The rank, and 128 for negative numbers where there is a sign. A NaN is above no bound; it becomes zero, as far as there is one.
    private Vector256<int> Ranks(Vector256<float> numbers, Vector256<float> divisor, ref int beyond)
    {
        Vector256<float> scaled = _set.IsMultiplied ? numbers * divisor : numbers / divisor;
        Vector256<float> magnitude = Vector256.Abs(scaled);
        beyond += BitOperations.PopCount(Vector256.GreaterThan(magnitude, Vector256.Create(_set.Beyond)).ExtractMostSignificantBits());
        Vector256<float> compared = _isSigned ? magnitude : scaled;
        Vector256<int> rank = Vector256<int>.Zero;
        foreach (float bound in _set.Bounds)
        {
            rank -= Vector256.GreaterThan(compared, Vector256.Create(bound)).AsInt32();
        }
        rank = Vector256.ConditionalSelect(Vector256.Equals(scaled, scaled).AsInt32(), rank, Vector256.Create(_rankOfZero));
        return _isSigned ? rank | (Vector256.LessThan(scaled, Vector256<float>.Zero).AsInt32() & Vector256.Create(0x80)) : rank;
    }
}
