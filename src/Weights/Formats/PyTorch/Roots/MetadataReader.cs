using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>
/// Everything that a pickle says beside its tensors, as metadata nested as in the file. Containers that hold tensors become maps of what
/// else they hold; what cannot be said is left out by name.
/// </summary>
internal sealed class MetadataReader(PickleTree tree, RootChoice choice)
{
    private readonly PlainValues _values = new(tree);
    private readonly List<LeftOut> _leftOut = [];
    private readonly List<PickleNode> _around = [];

    // Containers that hold tensors are walked once for each name, as the tensors are.
    private const int MaxVisits = 1 << 22;
    private int _visits;

    /// <summary>What the metadata could not take, and the parts with tensors that were not chosen.</summary>
    public IReadOnlyList<LeftOut> LeftOut => _leftOut;

    /// <summary>Reads.</summary>
    public MetadataValue.Map Read(PickleNode root)
    {
        if (root is TorchTensor tensor)
        {
            return tensor.Facts is { } facts ? new MetadataValue.Map([new("tensor", facts)]) : MetadataValue.Map.Empty;
        }
        MetadataValue? value = tree.HoldsTensors(root) ? Rest(root, "", 0) : Plain(root, "");
        return value switch
        {
            MetadataValue.Map map => map,
            null => MetadataValue.Map.Empty,
            MetadataValue.List list => new MetadataValue.Map(list.Items.Select(static (item, index) => KeyValuePair.Create(index.ToString(), item))),
            _ => new MetadataValue.Map([new("value", value)]),
        };
    }

    // `step` counts the keys on the way to the chosen part; beyond its last, everything is within that part.
    private List<KeyValuePair<string, MetadataValue>> Parts(PickleNode container, string path, int step)
    {
        List<KeyValuePair<string, MetadataValue>> entries = [];
        string? chosenKey = step < choice.Steps.Count ? choice.Steps[step].Key : null;
        _around.Add(container);
        bool isModule = tree.TryModule(container, out _);
        foreach (TreeChild child in tree.Children(container))
        {
            // The parts of a module without tensors are its activations and the like: they are the model's structure, no metadata.
            if (++_visits > MaxVisits || (isModule ? !tree.HoldsTensors(child.Node) : child.Node is TorchTensor { Facts: null } && chosenKey is null))
            {
                continue;
            }
            string key = child.Key;
            string childPath = path.Length == 0 ? key : $"{path}.{key}";
            MetadataValue? value;
            if (chosenKey is not null && key != chosenKey && (tree.HoldsTensors(child.Node)) || choice.Skips.Contains(child.Node))
            {
                LeaveOut(child.Node, key, childPath, chosenKey);
                value = IsTwin(key) || RootKeys.IsTrainingState(key) ? null
                    : PlainValues.IsSmall(child.Node) ? Plain(child.Node, childPath) // A best fitness, say, that happened to be a tensor.
                    : Rest(child.Node, childPath, int.MaxValue);
            }
            else
            {
                value = tree.HoldsTensors(child.Node) ? Rest(child.Node, childPath, chosenKey is null ? step : step + 1) : Plain(child.Node, childPath);
            }
            if (value is not null)
            {
                entries.Add(new(key, value));
            }
        }
        _around.RemoveAt(_around.Count - 1);
        return entries;
    }

    // What a container with tensors holds besides; null when there is nothing.
    private MetadataValue.Map? Rest(PickleNode node, string path, int step)
    {
        if (node is TorchTensor tensor)
        {
            return tensor.Facts;
        }
        if (_around.Count >= MetadataValue.MaxDepth || _around.Contains(node))
        {
            return null;
        }
        List<KeyValuePair<string, MetadataValue>> entries = Parts(node, path, step);
        if (node is PickleCall call)
        {
            entries.InsertRange(0, Described(call, path));
        }
        return entries.Count == 0 ? null : new MetadataValue.Map(entries);
    }

    // Of an object, its class; of a module, its plain attributes too, unless it is a part of another module.
    private List<KeyValuePair<string, MetadataValue>> Described(PickleCall call, string path)
    {
        if (!tree.TryModule(call, out TorchModule? module))
        {
            return [new(PlainValues.ClassKey, new MetadataValue.Text(PlainValues.ClassName(call)))];
        }
        if (_around.Any(around => tree.TryModule(around, out _)) || tree.Script is not null)
        {
            return []; // What modules of TorchScript say is read with their archive.
        }
        List<KeyValuePair<string, MetadataValue>> entries = [new(PlainValues.ClassKey, new MetadataValue.Text(module.ClassName))];
        foreach (TreeChild attribute in module.Others)
        {
            string attributePath = path.Length == 0 ? attribute.Key : $"{path}.{attribute.Key}";
            if (tree.HoldsTensors(attribute.Node) && !PlainValues.IsSmall(attribute.Node))
            {
                _leftOut.Add(new LeftOut(attributePath, $"{tree.Describe(attribute.Node)}: an attribute of a module and no part of its state dict; --root {attributePath} reads it"));
            }
            else if (Plain(attribute.Node, attributePath) is { } value)
            {
                entries.Add(new(attribute.Key, value));
            }
        }
        return entries;
    }

    private MetadataValue? Plain(PickleNode node, string path)
    {
        MetadataValue? value = _values.Convert(node, path);
        _leftOut.AddRange(_values.TakeLeftOut());
        return value;
    }

    private void LeaveOut(PickleNode node, string key, string path, string? chosenKey)
    {
        string what = true switch
        {
            _ when RootKeys.IsTrainingState(key) => "state of the training, no weights",
            _ when chosenKey is not null && RootKeys.Averaged.Contains(chosenKey) && IsTwin(key) => $"the weights without averaging; {chosenKey}, which is read instead, has them averaged over the training",
            _ => "beside the weights",
        };
        _leftOut.Add(new LeftOut(path, $"{tree.Describe(node)}: {what}; --root {path} reads {(node is TorchTensor ? "it" : "them")}"));
    }

    private static bool IsTwin(string key) => RootKeys.Trained.Contains(key) || RootKeys.Averaged.Contains(key) || RootKeys.IsStateDict(key);
}
