using System.Collections;

namespace Weights;

/// <summary>What a conversion did to something it could not carry over as it was.</summary>
public enum LedgerKind
{
    /// <summary>Tensors or metadata that the output does not hold.</summary>
    LeftOut,

    /// <summary>A tensor whose elements changed type.</summary>
    Cast,

    /// <summary>A tensor under another name.</summary>
    Renamed,

    /// <summary>A name written once for several.</summary>
    Deduplicated,

    /// <summary>Shared storage written out in full under each name.</summary>
    Untied,

    /// <summary>Metadata whose type the target cannot hold, or a tensor, kept in another form.</summary>
    Restated,

    /// <summary>A tensor left as it was, or under its name, although another was looked for.</summary>
    Kept,
}

/// <summary>One thing that changed on the way.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Subject">The tensor, metadata entry or part of the file it happened to.</param>
/// <param name="Reason">Why, and how to have it otherwise.</param>
public sealed record LedgerEntry(LedgerKind Kind, string Subject, string Reason);

/// <summary>Everything that changed on the way from one file to another: nothing is lost silently.</summary>
public sealed class Ledger : IReadOnlyCollection<LedgerEntry>
{
    private readonly List<LedgerEntry> _entries = [];

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <summary>Writes an entry.</summary>
    public void Add(LedgerKind kind, string subject, string reason) => _entries.Add(new LedgerEntry(kind, subject, reason));

    /// <inheritdoc/>
    public IEnumerator<LedgerEntry> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
