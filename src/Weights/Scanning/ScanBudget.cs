namespace Weights.Scanning;

/// <summary>What a scan of one file may cost, however its parts are nested and repeated.</summary>
internal sealed class ScanBudget
{
    /// <summary>Archives in archives: honest files have two.</summary>
    public const int Deepest = 6;

    /// <summary>Bytes that one compressed part may inflate to in memory; pickles of real models stay below a tenth of it.</summary>
    public const int LargestInflated = 64 << 20;

    /// <summary>Pickles one after the other in one part.</summary>
    public const int MostPickles = 1 << 14;

    /// <summary>Broken parts whose break is looked at closely; making an exception of each takes its time.</summary>
    public const int MostBreaks = 256;

    // All inflated bytes together; deflate makes a gigabyte a second at most.
    private long _inflated = 256L << 20;

    // All objects of pickles together come from what is read; parts that share bytes could be read again and again.
    private long _read;

    /// <param name="fileBytes">Bytes of the file.</param>
    public ScanBudget(long fileBytes) => _read = (4 * Math.Min(fileBytes, long.MaxValue / 8)) + (256L << 20);

    /// <summary>Streams that broke off so far.</summary>
    public int Breaks { get; set; }

    /// <summary>Takes bytes to inflate.</summary>
    /// <returns>Whether they were left.</returns>
    public bool TakeInflated(long bytes) => (_inflated -= Math.Min(bytes, _inflated + 1)) >= 0;

    /// <summary>Takes bytes to read.</summary>
    /// <returns>Whether they were left.</returns>
    public bool TakeRead(long bytes) => (_read -= Math.Min(bytes, _read + 1)) >= 0;
}
