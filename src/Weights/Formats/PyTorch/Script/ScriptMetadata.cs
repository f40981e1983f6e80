using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Script;

/// <summary>
/// What a module of TorchScript says beside its state dict: its plain attributes, nested as its modules are, and under
/// <see cref="ArchiveKey"/> what its archive says.
/// </summary>
internal sealed class ScriptMetadata
{
    /// <summary>The entry for what is the archive's and no attribute of a module.</summary>
    public const string ArchiveKey = "torchscript";

    // Modules are walked once for each name; the largest models have some ten thousand, with a dozen attributes each.
    private const int MaxVisits = 1 << 18;

    private readonly PickleTree _tree;
    private readonly PlainValues _values;
    private readonly List<LeftOut> _leftOut = [];
    private readonly List<PickleNode> _around = [];
    private readonly MetadataValue.Map _read;
    private readonly bool _isAlone;
    private int _visits;

    private ScriptMetadata(PickleTree tree, ScriptArchive script, PickleNode root)
    {
        (_tree, _values, _isAlone) = (tree, new PlainValues(tree), !tree.HoldsTensors(root));
        IReadOnlyList<KeyValuePair<string, MetadataValue>> archive = script.Describe(_leftOut);
        List<KeyValuePair<string, MetadataValue>> attributes = Attributes(root, "");
        if (_visits > MaxVisits)
        {
            _leftOut.Add(new LeftOut("…", $"attributes of modules beyond the first {MaxVisits:N0}: the file refers to the same modules so often"));
        }
        _read = new MetadataValue.Map([.. attributes, .. archive.Count == 0 ? [] : (KeyValuePair<string, MetadataValue>[])[new(ArchiveKey, new MetadataValue.Map(archive))]]);
    }

    /// <summary>Tensors that are plain attributes, and what metadata cannot hold.</summary>
    public IReadOnlyList<LeftOut> LeftOut => _leftOut;

    /// <summary>Reads; null of what is no TorchScript.</summary>
    public static ScriptMetadata? Read(PickleTree tree, PickleNode root) => tree.Script is { } script ? new ScriptMetadata(tree, script, root) : null;

    /// <summary>Adds it to what the pickle says of its tensors; of a module without any it would say that it is an object.</summary>
    public MetadataValue.Map AddTo(MetadataValue.Map ofTensors) => _isAlone ? _read : Merged(ofTensors, _read);

    private static MetadataValue.Map Merged(MetadataValue.Map first, MetadataValue.Map second) => new(first.Concat(second.Select(
        entry => KeyValuePair.Create(entry.Key, first[entry.Key] is MetadataValue.Map inner && entry.Value is MetadataValue.Map more ? Merged(inner, more) : entry.Value))));

    private List<KeyValuePair<string, MetadataValue>> Attributes(PickleNode node, string path)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [];
        if (++_visits > MaxVisits || _around.Count >= MetadataValue.MaxDepth || _around.Contains(node) || !_tree.TryModule(node, out TorchModule? module))
        {
            return entries;
        }
        _around.Add(node);
        foreach (TreeChild attribute in module.Others)
        {
            if (++_visits > MaxVisits)
            {
                break;
            }
            string attributePath = path + attribute.Key;
            if (_tree.HoldsTensors(attribute.Node) && !PlainValues.IsSmall(attribute.Node))
            {
                _leftOut.Add(new LeftOut(attributePath, $"{_tree.Describe(attribute.Node)}: an attribute of a module and no part of its state dict; --root {attributePath} reads {(attribute.Node is TorchTensor ? "it" : "them")}"));
            }
            else if (!attribute.Key.StartsWith('_') && _values.Convert(attribute.Node, attributePath) is { } value)
            {
                entries.Add(new(attribute.Key, value));
            }
            _leftOut.AddRange(_values.TakeLeftOut());
        }
        foreach (TreeChild child in module.Modules.TakeWhile(_ => _visits <= MaxVisits))
        {
            if (Attributes(child.Node, $"{path}{child.Key}.") is { Count: > 0 } inner)
            {
                entries.Add(new(child.Key, new MetadataValue.Map(inner)));
            }
        }
        _around.RemoveAt(_around.Count - 1);
        return entries;
    }
}
