namespace Weights.Passes.Packing;

/// <summary>F8_E4M3: code = x / scale, rounded.</summary>
internal sealed class FloatCoder(ScaleStorage storage) : BlockCoder(storage)
{
    private const float Largest = 448;

    public override (float Scale, int ZeroPoint) Fit(NumberRange range) => (Storage.Fit(range.Magnitude, Largest), 0);

    public override int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes)
    {
        float divisor = Storage.Value(scale);
        // A file may have a scale of zero, and then no other number.
        return EightBitFloats.Encode(numbers, divisor == 0 ? 1 : divisor, codes);
    }

    public override void Decode(ReadOnlySpan<byte> codes, float scale, int zeroPoint, Span<float> numbers) => EightBitFloats.Decode(codes, Storage.Value(scale), numbers);
}
