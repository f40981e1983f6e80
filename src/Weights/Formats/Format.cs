using Weights.IO;

namespace Weights.Formats;

/// <summary>How to read a file.</summary>
public sealed record ReadOptions
{
    /// <summary>
    /// Which part of a nested file to take: a path such as <c>ema</c> or <c>optimizer.state</c>; <c>.</c> for everything, with path
    /// names; null for the format's own choice of what the weights are.
    /// </summary>
    public string? Root { get; init; }

    /// <summary>
    /// Whether tensors are read that are part of a computation and not what it was trained for: constants of its nodes, those in inner graphs.
    /// </summary>
    public bool AllTensors { get; init; }

    /// <summary>Whether checksums that a file gives for the files beside it are compared.</summary>
    public bool Verify { get; init; }

    /// <summary>Whether quantised tensors are read as the floats that their integers stand for, instead of as integers, scales and zero points.</summary>
    public bool Dequantize { get; init; }

    /// <summary>The folder that the file stands for, where a folder was given.</summary>
    internal Folder? Folder { get; init; }
}

/// <summary>What a writer does with names that are one tensor.</summary>
public enum AliasMode
{
    /// <summary>Every loader finds every name: shared where the target can share, else written out in full under each.</summary>
    Keep,

    /// <summary>One copy is written; metadata says which names it stands for.</summary>
    Drop,
}

/// <summary>Where a writer puts the elements of tensors, for formats that can hold them or name another file.</summary>
public enum ElementPlacement
{
    /// <summary>As the file that was read has them; in another file where one alone would be too large for the format.</summary>
    Automatic,

    /// <summary>In the file itself.</summary>
    Inline,

    /// <summary>In one file beside it.</summary>
    External,
}

/// <summary>How to write a file.</summary>
public sealed record WriteOptions
{
    /// <summary>Where elements go.</summary>
    public ElementPlacement Placement { get; init; }

    /// <summary>Whether the checksum of a file beside it is left out, which takes longer to compute than the file to write.</summary>
    public bool WithoutChecksum { get; init; }

    /// <summary>Format of the file beside it that elements go to; null for the format's own, which is nothing but the elements.</summary>
    public Format? ExternalFormat { get; init; }

    /// <summary>What happens to names that are one tensor.</summary>
    public AliasMode Aliases { get; init; }

    /// <summary>Most bytes of tensors that one file may hold, or null for one file of any size.</summary>
    public long? MaxShardBytes { get; init; }
}

/// <summary>
/// A file format: recognises, reads (the index only) and lays out files.
/// </summary>
/// <remarks>
/// Each format is registered from its own folder, as a property of this partial class; none is listed anywhere. Its class is
/// internal to the folder and does not know the other formats.
/// </remarks>
public abstract partial class Format
{
    // Its presence makes every first use of the class run the registrations of all folders.
    static Format()
    {
    }

    private protected Format()
    {
    }

    /// <summary>Every format, by name.</summary>
    public static IReadOnlyList<Format> All => Registry<Format>.Sorted(static format => format.Name);

    /// <summary>Short lower-case name, as given to <c>--to</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What it is, in a few words, for people.</summary>
    public abstract string Title { get; }

    /// <summary>Usual extensions, with the dot; the first is the one it writes.</summary>
    public abstract IReadOnlyList<string> Extensions { get; }

    /// <summary>Element types that it can read, by name.</summary>
    public abstract IReadOnlyList<DType> Reads { get; }

    /// <summary>Element types that it can write, by name; none if it is not written.</summary>
    public abstract IReadOnlyList<DType> Writes { get; }

    /// <summary>Whether its files nest, so that <see cref="ReadOptions.Root"/> means something.</summary>
    public virtual bool HasRoots => false;

    /// <summary>Whether it can write one checkpoint as several files.</summary>
    public virtual bool WritesShards => false;

    /// <summary>Whether a written file would still hold the computation that the checkpoint's file describes.</summary>
    public virtual bool KeepsGraph(Checkpoint checkpoint) => false;

    /// <summary>Whether a written file would still say how <see cref="Checkpoint.QuantizedValues"/> are made of its tensors.</summary>
    public virtual bool KeepsQuantizedValues => false;

    /// <summary>Whether the file is of this format, by its content; the extension does not count. Never throws but for <see cref="IOException"/>.</summary>
    public abstract bool Sniff(Input input);

    /// <summary>
    /// The files of a folder that each stand for one checkpoint: an index of shards, say, or the only file there is. More than one is for the
    /// user to choose from.
    /// </summary>
    /// <exception cref="WeightFileException">What is in the folder names something that is not there, or outside of it.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    public virtual IReadOnlyList<FolderFile> FindInFolder(Folder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string[] files = [.. folder.Names.Where(name => Extensions.Any(extension => name.EndsWith(extension, StringComparison.OrdinalIgnoreCase)))];
        return files is [var only] ? [new FolderFile(folder, only)] : [];
    }

    /// <summary>Whether elements can be put in another file: <see cref="WriteOptions.Placement"/> means something.</summary>
    public virtual bool WritesExternal => false;

    /// <summary>Reads the index; tensors read their bytes from the input when they are asked.</summary>
    /// <returns>A checkpoint that owns <paramref name="input"/>.</returns>
    /// <exception cref="WeightFileException">The file is refused.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    public abstract Checkpoint Read(Input input, ReadOptions options);

    /// <summary>Lays out the files that hold the checkpoint; the first is called <paramref name="fileName"/> unless there are several.</summary>
    /// <param name="checkpoint">What to write.</param>
    /// <param name="fileName">Name of the file, without folders.</param>
    /// <param name="options">How to write it.</param>
    /// <param name="ledger">Is told what the format cannot hold.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a tensor has a dtype or name that the format cannot hold.</exception>
    public abstract IReadOnlyList<FileLayout> Layout(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static Format Register(Format format) => Registry<Format>.Add(format);
}
