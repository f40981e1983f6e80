namespace Weights.Scanning;

/// <summary>What whoever asks for a scan trusts.</summary>
public sealed record ScanOptions
{
    /// <summary>Whether an unknown name is trusted; never asked about what executes code.</summary>
    public Func<string, bool> Allows { get; init; } = static _ => false;

    /// <summary>Names that are trusted whatever they do.</summary>
    public IReadOnlyCollection<string> AllowsExactly { get; init; } = [];
}
