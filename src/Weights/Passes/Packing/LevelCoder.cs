using System.Numerics;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Packing;

/// <summary>Sixteen levels that are not equally far from each other: the code of the nearest to x / scale.</summary>
internal sealed class LevelCoder : BlockCoder
{
    private const int SignCode = 8;

    private readonly float[] _levels;
    private readonly float[] _bounds;
    private readonly byte[] _codes;
    private readonly bool _isSigned;
    private readonly bool _isMultiplied;
    private readonly float _largest;
    private readonly float _beyond;

    private LevelCoder(LevelSet set, ScaleStorage storage)
        : base(storage)
    {
        (_levels, _bounds, _codes) = (set.Levels, set.Bounds, set.Codes);
        (_isSigned, _isMultiplied, _largest, _beyond) = (set.Bounds.Length < 15, set.IsMultiplied, set.Largest, set.Beyond);
    }

    /// <summary>4-bit floats E2M1, rounded to even.</summary>
    public static LevelCoder E2M1(ScaleStorage storage) => new(LevelSets.E2M1, storage);

    /// <summary>bitsandbytes' NF4.</summary>
    public static LevelCoder NF4(ScaleStorage storage) => new(LevelSets.NF4, storage);

    /// <summary>bitsandbytes' FP4.</summary>
    public static LevelCoder FP4(ScaleStorage storage) => new(LevelSets.FP4, storage);

    public override (float Scale, int ZeroPoint) Fit(NumberRange range) => (Storage.Fit(range.Magnitude, _largest), 0);

    public override int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes)
    {
        float factor = Storage.Value(scale);
        Vector256<float> divisor = Vector256.Create(_isMultiplied ? 1 / factor : factor);
        int saturated = 0;
        Span<int> ranks = stackalloc int[8];
        for (int index = 0; index < numbers.Length; index += 8)
        {
            int count = Math.Min(8, numbers.Length - index);
            Vector256<float> eight = count == 8 ? Vector256.Create(numbers[index..]) : Partial(numbers[index..]);
            Vector256<float> scaled = _isMultiplied ? eight * divisor : eight / divisor;
            Vector256<float> compared = _isSigned ? Vector256.Abs(scaled) : scaled;
            saturated += BitOperations.PopCount(Vector256.GreaterThan(Vector256.Abs(scaled), Vector256.Create(_beyond)).ExtractMostSignificantBits());
            Vector256<int> rank = Vector256<int>.Zero;
            foreach (float bound in _bounds)
            {
                rank -= Vector256.GreaterThan(compared, Vector256.Create(bound)).AsInt32();
            }
            // A NaN is above no bound; it becomes zero, as far as there is one.
            if (!Vector256.EqualsAll(scaled, scaled))
            {
                rank = Vector256.ConditionalSelect(Vector256.Equals(scaled, scaled).AsInt32(), rank, Vector256.Create(Array.IndexOf(_codes, (byte)Array.IndexOf(_levels, 0f))));
            }
            rank.CopyTo(ranks);
            uint negative = _isSigned ? Vector256.LessThan(scaled, Vector256<float>.Zero).ExtractMostSignificantBits() : 0;
            for (int lane = 0; lane < count; lane++)
            {
                codes[index + lane] = (byte)(_codes[ranks[lane]] | (((negative >> lane) & 1) * SignCode));
            }
        }
        return saturated;
    }

    public override void Decode(ReadOnlySpan<byte> codes, float scale, int zeroPoint, Span<float> numbers)
    {
        float factor = Storage.Value(scale);
        for (int index = 0; index < numbers.Length; index++)
        {
            numbers[index] = _levels[codes[index] & 15] * factor;
        }
    }

    private static Vector256<float> Partial(ReadOnlySpan<float> numbers)
    {
        Span<float> eight = stackalloc float[8];
        eight.Clear();
        numbers.CopyTo(eight);
        return Vector256.Create<float>(eight);
    }
}
