using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>Where the bytes of storages are: entries of an archive, or the tail of an older file.</summary>
internal abstract class StorageSource
{
    /// <summary>Whether the bytes of each number come with the highest first.</summary>
    public abstract bool IsBigEndian { get; }

    /// <summary>How many storages there are.</summary>
    public abstract int Count { get; }

    /// <summary>The first <paramref name="bytes"/> bytes of a storage.</summary>
    /// <param name="key">What the pickle calls it.</param>
    /// <param name="bytes">As many as the pickle says it has.</param>
    /// <exception cref="WeightFileException">There is none, or it has fewer.</exception>
    public abstract ByteSource Open(string key, long bytes);

    /// <summary>What a persistent id stands for in a layout that has its own kind of them; null for those that describe a storage.</summary>
    public virtual PickleNode? Resolve(PicklePersistentId id) => null;
}

/// <summary>Elements that tensors are views of.</summary>
/// <param name="Identity">Equal for storages that are the same memory.</param>
/// <param name="Element">What it is made of.</param>
/// <param name="Count">How many elements it has.</param>
/// <param name="IsBigEndian">Whether the bytes of each number come with the highest first.</param>
/// <param name="Open">Its bytes; throws what <see cref="StorageSource.Open"/> throws.</param>
/// <param name="Start">Where it begins in that memory, in bytes.</param>
internal sealed record TorchStorage(object Identity, TorchElement Element, long Count, bool IsBigEndian, Func<ByteSource> Open, long Start = 0)
{
    /// <summary>Bytes, if they fit 63 bits.</summary>
    public Int128 Bytes => (Int128)Count * Element.Bytes;
}
