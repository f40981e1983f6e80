namespace Weights.Passes.Diff;

/// <summary>How to compare.</summary>
public sealed record DiffOptions
{
    /// <summary>What still counts as the same.</summary>
    public Tolerance Tolerance { get; init; } = Tolerance.None;

    /// <summary>Whether differences are counted by size.</summary>
    public bool HasHistograms { get; init; }

    /// <summary>Whether the rank of the difference of matrices is found out.</summary>
    public bool HasRanks { get; init; }

    /// <summary>Is told, from any thread, how many bytes more have been read.</summary>
    public Action<long>? Read { get; init; }

    /// <summary>Ends the comparison early.</summary>
    public CancellationToken Cancellation { get; init; }
}
