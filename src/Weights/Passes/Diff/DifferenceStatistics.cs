namespace Weights.Passes.Diff;

/// <summary>
/// How far the numbers of two tensors of one shape are from each other. Sums are over the elements that are finite on both sides; where one
/// side is NaN or infinite and the other is not the same, the element counts as changed and as beyond any tolerance.
/// </summary>
public sealed record DifferenceStatistics
{
    /// <summary>Classes of <see cref="Histogram"/>: a difference |b − a| in [2ᵏ, 2ᵏ⁺¹) is in class k + 64; the first has all smaller ones, the last all greater.</summary>
    public const int HistogramClasses = 96;

    /// <summary>Numbers compared; two for each complex element.</summary>
    public required long Count { get; init; }

    /// <summary>Numbers whose value differs as a double (0 and −0 do).</summary>
    public required long Changed { get; init; }

    /// <summary>Numbers that are further apart than the tolerances allow; without tolerances, those that are NaN or infinite on one side alone.</summary>
    public required long Beyond { get; init; }

    /// <summary>Largest |b − a|.</summary>
    public required double MaxAbsolute { get; init; }

    /// <summary>Mean of |b − a|, over all numbers that are finite on both sides.</summary>
    public required double MeanAbsolute { get; init; }

    /// <summary>Root of the mean of (b − a)².</summary>
    public required double RootMeanSquare { get; init; }

    /// <summary>‖b − a‖ / ‖a‖; infinite where a is all zeros and b is not, NaN where squares are too small for a double.</summary>
    public required double RelativeL2 { get; init; }

    /// <summary>Cosine of the angle between a and b; 1 where both are zero, 0 where one is, NaN where squares are too small or too large for a double.</summary>
    public required double Cosine { get; init; }

    /// <summary>Signal to noise in decibels, a being the signal: 10 log₁₀(Σa² / Σ(b − a)²); infinite where nothing differs.</summary>
    public required double SignalToNoise { get; init; }

    /// <summary>Most numbers of the type between a and b; null for two types, and for those without such a distance.</summary>
    public required long? MaxUlps { get; init; }

    /// <summary>NaNs in a.</summary>
    public required long NaNsA { get; init; }

    /// <summary>NaNs in b.</summary>
    public required long NaNsB { get; init; }

    /// <summary>Infinities in a.</summary>
    public required long InfinitiesA { get; init; }

    /// <summary>Infinities in b.</summary>
    public required long InfinitiesB { get; init; }

    /// <summary>Index, in row-major order, of the number with the largest difference; null where nothing differs.</summary>
    public required long? WorstIndex { get; init; }

    /// <summary>How many changed numbers have a difference of which size.</summary>
    public required IReadOnlyList<long> Histogram { get; init; }

    /// <summary>Σa² and Σb².</summary>
    internal (double A, double B) Squares { get; init; }

    /// <summary>Share of the numbers that changed.</summary>
    public double ChangedShare => Count == 0 ? 0 : (double)Changed / Count;
}
