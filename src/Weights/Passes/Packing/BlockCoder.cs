namespace Weights.Passes.Packing;

/// <summary>Makes codes of the numbers of a block, and numbers of codes.</summary>
internal abstract class BlockCoder(ScaleStorage storage)
{
    /// <summary>How scales are stored.</summary>
    public ScaleStorage Storage { get; } = storage;

    /// <summary>Whether the range of numbers says what fits them.</summary>
    public virtual bool FitsRanges => true;

    /// <summary>The scale of a block, as it is stored, and its zero point.</summary>
    public virtual (float Scale, int ZeroPoint) Fit(ReadOnlySpan<float> numbers) => Fit(NumberRange.Of(numbers));

    /// <summary>The same for any numbers of a range.</summary>
    public abstract (float Scale, int ZeroPoint) Fit(NumberRange range);

    /// <summary>The same for very many.</summary>
    /// <param name="range">Their range.</param>
    /// <param name="read">Has some of them at a time read by whoever is given to it, all once.</param>
    public virtual (float Scale, int ZeroPoint) Fit(NumberRange range, Action<Action<ReadOnlySpan<float>>> read) => Fit(range);

    /// <summary>The codes of numbers: the nearest, ties to even.</summary>
    /// <param name="numbers">The numbers; those that are not finite get the code that is nearest, NaN that of zero where there is no NaN.</param>
    /// <param name="scale">Scale as it is stored.</param>
    /// <param name="zeroPoint">Code of zero.</param>
    /// <param name="codes">Receives as many codes.</param>
    /// <returns>How many numbers are beyond the last code by more than half a step.</returns>
    public abstract int Encode(ReadOnlySpan<float> numbers, float scale, int zeroPoint, Span<byte> codes);

    /// <summary>What codes stand for.</summary>
    public abstract void Decode(ReadOnlySpan<byte> codes, float scale, int zeroPoint, Span<float> numbers);
}
