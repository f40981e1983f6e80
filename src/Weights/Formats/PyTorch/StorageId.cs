using System.Diagnostics.CodeAnalysis;
using Weights.Formats.PyTorch.Recipes;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>
/// What a pickle says of a storage that is kept outside of it: <c>('storage', class, key, location, count[, view])</c>. The location
/// (a device) is not looked at: bytes have none.
/// </summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Count">Its length, in elements.</param>
/// <param name="ClassName">Name of its class.</param>
/// <param name="View">In old files, which part of it is meant; null for all of it.</param>
internal sealed record StorageId(string Key, long Count, string ClassName, PickleNode? View)
{
    /// <summary>What it is made of; null when the class is not known.</summary>
    public TorchElement? Element => TorchElement.OfStorageClass(ClassName);

    /// <summary>Reads a persistent id.</summary>
    /// <param name="node">What should be one.</param>
    /// <param name="storage">The storage.</param>
    /// <param name="problem">Why it is none, after a tensor's name.</param>
    public static bool TryRead(PickleNode node, [NotNullWhen(true)] out StorageId? storage, [NotNullWhen(false)] out TorchTensor? problem)
    {
        (storage, problem) = (null, null);
        if (node is not PicklePersistentId { Id: PickleTuple { Items: [PickleText tag, ..] items } })
        {
            problem = TorchTensor.Corrupt(node is PicklePersistentId ? "is in a storage whose id is not the tuple that it should be" : $"is in {node.Kind} where a storage should be");
        }
        else if (!tag.Is("storage"))
        {
            problem = TorchTensor.Unsupported($"is in something that the file calls {WeightFileException.Quote(tag.Text)} where a storage should be");
        }
        else if (items is not [_, var type, PickleText key, _, PickleInteger count, ..])
        {
            problem = TorchTensor.Corrupt("is in a storage whose id lacks its key or its number of elements");
        }
        else
        {
            storage = new StorageId(key.Text, count.Value, TorchRecipes.NameOf(type) ?? "?", items.Length > 5 && items[5] is not PickleNone ? items[5] : null);
        }
        return storage is not null;
    }
}
