namespace Weights.Scanning;

/// <summary>
/// What a scan of one file may cost, however its parts are nested, compressed and repeated: about what reading the file itself costs. An
/// honest file stays within it; of others, what is left over is told, and never clean.
/// </summary>
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

    /// <summary>What a file within a pickle costs beside its bytes; one that torch writes has half a thousand.</summary>
    public const int NestedBytes = 1 << 10;

    private const int LeastOpcodes = 2 << 20;

    private long _inflated;
    private long _read;
    private long _swept;

    /// <param name="fileBytes">Bytes of the file.</param>
    public ScanBudget(long fileBytes)
    {
        fileBytes = Math.Min(fileBytes, long.MaxValue / 16);
        _inflated = Math.Min((8 * fileBytes) + (32 << 20), 512L << 20);
        _read = (2 * fileBytes) + (16 << 20);
        _swept = fileBytes + (4 << 20);
        // No opcode is shorter than a byte.
        OpcodesLeft = (int)Math.Clamp(fileBytes, LeastOpcodes, Pickle.PickleLimits.Opcodes);
    }

    /// <summary>Streams that broke off so far.</summary>
    public int Breaks { get; set; }

    /// <summary>Opcodes that are left to read.</summary>
    public int OpcodesLeft { get; set; }

    /// <summary>Names that are left to find after breaks.</summary>
    public int NamesLeft { get; set; } = 1 << 16;

    /// <summary>Takes bytes to inflate.</summary>
    /// <returns>Whether they were left.</returns>
    public bool TakeInflated(long bytes)
    {
        CanInflate &= Take(ref _inflated, bytes);
        return CanInflate;
    }

    /// <summary>Whether there were enough of them so far; the first part that takes too much is the last that is inflated.</summary>
    public bool CanInflate { get; private set; } = true;

    /// <summary>Takes bytes to read.</summary>
    /// <returns>Whether they were left.</returns>
    public bool TakeRead(long bytes) => Take(ref _read, bytes);

    /// <summary>Takes bytes to search for names.</summary>
    /// <returns>Whether they were left.</returns>
    public bool TakeSwept(long bytes) => Take(ref _swept, bytes);

    /// <summary>
    /// Bytes of memory that the values of a pickle may take. Plain lists of small tuples or dicts take 12 to 18 times their own, as honest as they are
    /// (a million pairs of numbers: 6 MB, and 88 in memory), state dicts about ten: below this, nothing tells them from an attack.
    /// </summary>
    public static long MemoryOf(long pickleBytes) => (12 * Math.Min(pickleBytes, long.MaxValue / 16)) + (64 << 20);

    private static bool Take(ref long left, long bytes)
    {
        if (bytes > left)
        {
            return false;
        }
        left -= bytes;
        return true;
    }
}
