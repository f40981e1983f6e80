namespace Weights.Passes.Diff;

/// <summary>What still counts as the same.</summary>
/// <param name="Absolute">Each |b − a| may be this much …</param>
/// <param name="Relative">… and this much of |a| more.</param>
/// <param name="LeastCosine">The cosine between the tensors may be no less; null for any.</param>
public sealed record Tolerance(double Absolute = 0, double Relative = 0, double? LeastCosine = null)
{
    /// <summary>Only the same values are the same.</summary>
    public static Tolerance None { get; } = new();

    /// <summary>Whether the numbers decide, and not their bits.</summary>
    public bool IsAny => Absolute > 0 || Relative > 0 || LeastCosine is not null;

    /// <summary>Whether each number is looked at by itself.</summary>
    internal bool IsElementwise => Absolute > 0 || Relative > 0;

    /// <summary>Whether a pair is within it.</summary>
    public bool Accepts(DifferenceStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        // Where one side is NaN or infinite and the other is not, no cosine can make up for it. Written so that a NaN is no success.
        bool isNear = statistics.Beyond == 0;
        bool isAligned = LeastCosine is not { } least || statistics.Cosine >= least;
        return IsAny && isNear && isAligned && statistics.NaNsA == statistics.NaNsB;
    }
}
