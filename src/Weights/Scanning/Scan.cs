using Weights.IO;

namespace Weights.Scanning;

/// <summary>Says what a file would have run if Python had loaded it. Nothing of it is run, imported or unpacked to disk.</summary>
public static class Scan
{
    /// <summary>Scans one file: the pickles in it, through archives, compression and bytes that are files themselves.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">What is trusted.</param>
    /// <exception cref="IOException">It could not be read.</exception>
    public static ScanReport File(string path, ScanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        using FileInput input = new(path);
        return Of(input, options);
    }

    /// <summary>Scans a file that is open.</summary>
    /// <exception cref="IOException">It could not be read.</exception>
    public static ScanReport Of(Input input, ScanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new FileScan(input.Path, input.Bytes, options ?? new ScanOptions()).Run();
    }

    /// <summary>The report on a file in which there is nothing that could hold a pickle.</summary>
    /// <param name="input">The file.</param>
    /// <param name="format">What it is instead, or null if nobody knows; then the report does not call it clean.</param>
    public static ScanReport WithoutPickles(Input input, string? format)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ScanReport
        {
            Path = input.Path,
            Bytes = input.Bytes.Length,
            Kind = format,
            Findings = [],
            Streams = [],
            StreamCount = 0,
            Faults = [],
            FaultCount = 0,
            Notes = [],
        };
    }
}
