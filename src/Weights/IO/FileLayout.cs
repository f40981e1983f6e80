namespace Weights.IO;

/// <summary>Bytes that go to a place in a file.</summary>
/// <param name="Offset">Place of the first byte in the file.</param>
/// <param name="Bytes">The bytes; they are read when the file is written.</param>
/// <param name="Tensor">The tensor they are, if they are one; for messages.</param>
/// <param name="NeedsCrc32">Whether <see cref="FileLayout.Finish"/> wants their CRC-32, which is then taken while they are copied.</param>
public sealed record Segment(long Offset, ByteSource Bytes, string? Tensor = null, bool NeedsCrc32 = false);

/// <summary>
/// A file to be written: every length is known before a byte is copied, so the copying can go in any order, in parallel,
/// and never holds more than a few chunks.
/// </summary>
public sealed record FileLayout
{
    /// <summary>Name of the file within the target's folder.</summary>
    public required string Name { get; init; }

    /// <summary>Length of the whole file, in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>What stands where; bytes that no segment covers are zero.</summary>
    public required IReadOnlyList<Segment> Segments { get; init; }

    /// <summary>What can be done on another processor while the segments are copied, such as a checksum that a later file needs.</summary>
    public Action<CancellationToken>? Alongside { get; init; }

    /// <summary>
    /// Further segments that depend on the CRC-32 of those copied (an archive's directory); called once with the CRC-32 of each
    /// segment of <see cref="Segments"/>, in that order, 0 for those that need none.
    /// </summary>
    public Func<IReadOnlyList<uint>, IEnumerable<Segment>>? Finish { get; init; }
}
