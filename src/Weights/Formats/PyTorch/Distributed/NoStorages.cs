namespace Weights.Formats.PyTorch.Distributed;

/// <summary>What a plain pickle, or a tree put together from many files, has of storages.</summary>
internal sealed class NoStorages : StorageSource
{
    private NoStorages()
    {
    }

    public static NoStorages Instance { get; } = new();

    public override bool IsBigEndian => false;

    public override int Count => 0;

    public override ByteSource Open(string key, long bytes) =>
        throw new WeightFileException(Fault.Corrupt, $"is in the storage {WeightFileException.Quote(key)}, which a plain pickle cannot have");
}
