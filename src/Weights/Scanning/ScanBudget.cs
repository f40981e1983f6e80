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

    // A deflated file of a few bytes may hold as much as an honest one of this length.
    private const long LeastWork = 8 << 20;

    // Half a minute, whatever the file weighs.
    private const long MostWork = 1 << 28;

    // To search for names costs about half as much as to read and judge them.
    private const int SweptPerWork = 2;

    // Of small pickles the next ones take over the memory.
    private const long LittleMemory = 1 << 20;

    // To look through source as well; to tell whether bytes are a pickle at all, a quarter.
    private const int SourcePerWork = 2;
    private const int SignsPerWork = 4;

    // To list an entry of an archive and to see what it is.
    private const int EntryWork = 24;

    private readonly long _fileBytes;
    private long _inflated;
    private long _read;
    private long _swept;
    private long _sweptInAnyCase;
    private long _memory;

    /// <param name="fileBytes">Bytes of the file.</param>
    public ScanBudget(long fileBytes)
    {
        fileBytes = Math.Min(fileBytes, long.MaxValue / 16);
        _fileBytes = fileBytes;
        _inflated = Math.Min((8 * fileBytes) + (32 << 20), 512L << 20);
        _read = (2 * fileBytes) + (16 << 20);
        // What lies in the file as it is costs no more than its bytes.
        long all = Math.Max(LeastWork, fileBytes);
        WorkLeft = Math.Min(all, MostWork);
        _swept = all;
        _memory = (20 * fileBytes) + (64 << 20);
        _sweptInAnyCase = (1 << 20) + (fileBytes / 8);
    }

    /// <summary>Streams that broke off so far.</summary>
    public int Breaks { get; set; }

    /// <summary>Work that is left for pickles, as <see cref="Pickle.PickleMachine.Work"/> counts it.</summary>
    public long WorkLeft { get; private set; }

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

    /// <summary>Takes work.</summary>
    public void TakeWork(long work)
    {
        WorkLeft = Math.Max(0, WorkLeft - work);
        _swept = Math.Max(0, _swept - work);
    }

    /// <summary>Takes what it costs to tell whether bytes are a pickle.</summary>
    /// <param name="bytes">Bytes that were looked at.</param>
    public void TakeSigns(long bytes) => TakeWork(bytes / SignsPerWork);

    /// <summary>Takes what it costs to look through source.</summary>
    public void TakeSource(long bytes) => TakeWork(bytes / SourcePerWork);

    /// <summary>Takes what it costs to list an entry of an archive.</summary>
    public void TakeEntry() => TakeWork(EntryWork);

    /// <summary>Most opcodes that may be looked at to tell whether bytes are a pickle.</summary>
    public int SignsLeft => (int)Math.Min(WorkLeft, (1 << 29) / SignsPerWork) * SignsPerWork;

    /// <summary>Takes bytes to search for names; some are left when there is no more work for anything else.</summary>
    /// <param name="bytes">As many as there are.</param>
    /// <returns>As many as may be searched.</returns>
    public long TakeSwept(long bytes)
    {
        long shared = Math.Min(bytes, _swept);
        long rest = Math.Min(bytes - shared, _sweptInAnyCase);
        _sweptInAnyCase -= rest;
        _swept -= shared;
        WorkLeft = Math.Max(0, WorkLeft - (shared / SweptPerWork));
        return shared + rest;
    }

    /// <summary>
    /// Bytes of memory that the values of a pickle may take. Plain lists of small tuples or dicts take 12 to 18 times their own, as honest as they are
    /// (a million pairs of numbers: 6 MB, and 88 in memory), state dicts about ten: below this, nothing tells them from an attack. What is inflated
    /// takes no more than if it were the file.
    /// </summary>
    public long MemoryOf(long pickleBytes) => Math.Min((12 * Math.Min(pickleBytes, _fileBytes)) + (64 << 20), _memory);

    /// <summary>Takes memory that the values of a pickle took: it is free again, but to touch and collect it costs time.</summary>
    public void TakeMemory(long bytes) => _memory = Math.Max(LittleMemory, _memory - (bytes > LittleMemory ? bytes : 0));

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
