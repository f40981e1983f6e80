using Weights.Pickle;

namespace Weights.Formats.PyTorch.Tree;

/// <summary>A part of a container: its key, or its index in a list, and what stands there, resolved.</summary>
internal readonly record struct TreeChild(PickleNode? KeyNode, int Index, PickleNode Node)
{
    /// <summary>The part's name within its container.</summary>
    public string Key => KeyNode is null ? Index.ToString() : PickleKey.Text(KeyNode);
}

/// <summary>The parts of a container in place, not resolved: walking millions of containers must not make an object for each.</summary>
internal readonly struct PickleParts
{
    private readonly IReadOnlyList<PickleNode>? _items;
    private readonly IReadOnlyList<KeyValuePair<PickleNode, PickleNode>>? _entries;

    public PickleParts(IReadOnlyList<PickleNode> items) => _items = items;

    public PickleParts(IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> entries) => _entries = entries;

    public int Count => _entries?.Count ?? _items?.Count ?? 0;

    /// <summary>Key of a part, or null in a list.</summary>
    public PickleNode? KeyNode(int index) => _entries?[index].Key;

    public PickleNode this[int index] => _entries is not null ? _entries[index].Value : _items![index];
}
