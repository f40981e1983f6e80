namespace Weights.Scanning;

/// <summary>What a scan of one file comes to.</summary>
public enum ScanResult
{
    /// <summary>Everything in it was read, and every name in it rebuilds tensors, is harmless data or is trusted.</summary>
    Clean,

    /// <summary>Something in it could not be read; what could be is clean.</summary>
    Unreadable,

    /// <summary>Something in it is unknown.</summary>
    Unknown,

    /// <summary>Something in it executes code.</summary>
    Executes,
}

/// <summary>Everything a scan found in one file.</summary>
public sealed class ScanReport
{
    /// <summary>As the user named it.</summary>
    public required string Path { get; init; }

    /// <summary>Bytes of the file.</summary>
    public required long Bytes { get; init; }

    /// <summary>What the file is: "zip archive", "pickle"; null when it is nothing that could hold a pickle.</summary>
    public required string? Kind { get; init; }

    /// <summary>Names in its pickles, the most dangerous first.</summary>
    public required IReadOnlyList<ScanFinding> Findings { get; init; }

    /// <summary>Pickles that were read, in the order of the file; of very many only the first.</summary>
    public required IReadOnlyList<ScannedPickle> Streams { get; init; }

    /// <summary>How many pickles there are.</summary>
    public required long StreamCount { get; init; }

    /// <summary>What could not be read, in the order of the file; of very many only the first.</summary>
    public required IReadOnlyList<ScanFault> Faults { get; init; }

    /// <summary>How many parts could not be read.</summary>
    public required long FaultCount { get; init; }

    /// <summary>What is worth knowing besides.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>What it comes to.</summary>
    public ScanResult Result => Worst switch
    {
        Verdict.Executes => ScanResult.Executes,
        Verdict.Unknown => ScanResult.Unknown,
        _ => FaultCount > 0 || Kind is null ? ScanResult.Unreadable : ScanResult.Clean,
    };

    private Verdict Worst => Findings.Where(static finding => !finding.IsAllowed).Select(static finding => finding.Verdict).DefaultIfEmpty(Verdict.Tensors).Max();
}

/// <summary>A name in the file's pickles and what it is.</summary>
/// <param name="Name">Module and name, or what is done to them.</param>
/// <param name="Verdict">What it is.</param>
/// <param name="Reason">Why, where the name alone does not say; else null.</param>
public sealed record ScanFinding(string Name, Verdict Verdict, string? Reason)
{
    /// <summary>Whether the options trust it.</summary>
    public bool IsAllowed { get; internal set; }

    /// <summary>How often it is called or, where it is not, named.</summary>
    public long Count { get; internal set; }

    /// <summary>Where; of many only the first.</summary>
    public IReadOnlyList<ScanPlace> Places => PlaceList;

    internal List<ScanPlace> PlaceList { get; } = [];
}

/// <summary>Where a name stands.</summary>
/// <param name="Stream">Which pickle: an entry of an archive, <c>!</c> between an archive and what is in it; empty for the file itself.</param>
/// <param name="Offset">Byte of the entry, or of the file.</param>
/// <param name="Call">The call with its literal arguments, shortened; null where it is only named.</param>
public sealed record ScanPlace(string Stream, long Offset, string? Call);

/// <summary>A pickle, or another part that was looked through.</summary>
/// <param name="Name">As in <see cref="ScanPlace.Stream"/>.</param>
/// <param name="Offset">Where in it the pickle begins.</param>
/// <param name="Length">Bytes of it that were read.</param>
public sealed record ScannedPickle(string Name, long Offset, long Length);

/// <summary>Something that could not be read as what it should be.</summary>
/// <param name="Stream">As in <see cref="ScanPlace.Stream"/>.</param>
/// <param name="Offset">Where in it, if known.</param>
/// <param name="Reason">What is wrong.</param>
public sealed record ScanFault(string Stream, long? Offset, string Reason);
