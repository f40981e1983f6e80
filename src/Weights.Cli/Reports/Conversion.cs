using Weights.IO;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights convert</c> did or would do, for its reports.</summary>
/// <param name="Checkpoint">What was written.</param>
/// <param name="Output">Path of the file to write.</param>
/// <param name="Format">Name of its format.</param>
/// <param name="Files">The files that make it up.</param>
/// <param name="Ledger">What changed on the way.</param>
internal sealed record Conversion(Checkpoint Checkpoint, string Output, string Format, IReadOnlyList<FileLayout> Files, Ledger Ledger)
{
    /// <summary>Bytes of all files.</summary>
    public long Bytes { get; } = Files.Sum(static file => file.Length);

    /// <summary>How long it took; null when nothing was written.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>Path of a file, beside <see cref="Output"/>.</summary>
    public string PathOf(FileLayout file) => Path.Combine(Path.GetDirectoryName(Output) ?? "", file.Name);
}
