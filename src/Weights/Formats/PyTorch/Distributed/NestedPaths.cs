using Weights.Pickle;

namespace Weights.Formats.PyTorch.Distributed;

/// <summary>
/// Rebuilds the nested state dict of flattened entries: a key that is text is one of a dict, an integer one of a list, whose places that nothing
/// came for are None.
/// </summary>
internal sealed class NestedPaths
{
    // Places of all lists together; a list is as long as the layers of a model or the parameters of an optimizer.
    private const int MaxPlaces = 1 << 20;

    private readonly Container _root = new(isList: false);
    private int _places;

    /// <summary>Puts a value at the end of a path.</summary>
    /// <param name="name">The entry's name; its path where it has no other.</param>
    /// <param name="path">Text and integers.</param>
    /// <param name="value">What stands there.</param>
    /// <exception cref="WeightFileException">The path does not fit those before it.</exception>
    public void Add(string name, PickleTuple? path, PickleNode value)
    {
        PickleNode[] keys = path?.Items ?? [new PickleText(name)];
        Container container = _root;
        for (int index = 0; index < keys.Length; index++)
        {
            Slot slot = Find(name, container, keys[index]);
            if (index == keys.Length - 1)
            {
                (slot.Value, slot.Container) = (value, null);
                return;
            }
            bool isList = keys[index + 1] is PickleInteger;
            if (slot.Value is not null || slot.Container is { } there && there.IsList != isList)
            {
                throw Corrupt(name, "its path leads through something that is no container of its kind");
            }
            container = slot.Container ??= new Container(isList);
        }
    }

    /// <summary>The state dict.</summary>
    public PickleDict Build() => (PickleDict)Build(_root);

    private Slot Find(string name, Container container, PickleNode key)
    {
        if (container.IsList)
        {
            if (key is not PickleInteger { Value: >= 0 } index || index.Value - container.Items.Count >= MaxPlaces - _places)
            {
                throw Corrupt(name, "its path has an index that no list of the state dict can have");
            }
            while (container.Items.Count <= index.Value)
            {
                container.Items.Add(new Slot(key));
                _places++;
            }
            return container.Items[(int)index.Value];
        }
        if (key is not PickleText text)
        {
            throw Corrupt(name, $"its path has {key.Kind} as the key of a dict");
        }
        if (!container.ByKey.TryGetValue(text.Text, out Slot? slot))
        {
            container.ByKey.Add(text.Text, slot = new Slot(key));
            container.Items.Add(slot);
        }
        return slot;
    }

    // Recursion is as deep as the paths are long, which Add has walked already.
    private static PickleNode Build(Container container)
    {
        if (container.IsList)
        {
            return new PickleList([.. container.Items.Select(Value)]);
        }
        return new PickleDict([.. container.Items.Select(static slot => KeyValuePair.Create(slot.Key, Value(slot)))]);
    }

    private static PickleNode Value(Slot slot) => slot.Container is { } container ? Build(container) : slot.Value ?? PickleNone.Value;

    private static WeightFileException Corrupt(string name, string problem) =>
        new(Fault.Corrupt, $"{problem}; the metadata is damaged, get a fresh copy", tensor: name);

    private sealed class Container(bool isList)
    {
        public bool IsList { get; } = isList;

        public List<Slot> Items { get; } = [];

        public Dictionary<string, Slot> ByKey { get; } = new(StringComparer.Ordinal);
    }

    private sealed class Slot(PickleNode key)
    {
        public PickleNode Key { get; } = key;

        public PickleNode? Value { get; set; }

        public Container? Container { get; set; }
    }
}
