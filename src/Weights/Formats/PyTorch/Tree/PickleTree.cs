using Weights.Formats.PyTorch.Pickle;
using Weights.Formats.PyTorch.Recipes;

namespace Weights.Formats.PyTorch.Tree;

/// <summary>A part of a container: its key, or its index in a list, and what stands there, resolved.</summary>
internal readonly record struct TreeChild(PickleNode? KeyNode, int Index, PickleNode Node)
{
    /// <summary>The part's name within its container.</summary>
    public string Key => KeyNode is null ? Index.ToString() : PickleKey.Text(KeyNode);
}

/// <summary>
/// A pickle seen as a tree of containers with tensors and plain values as its leaves. Dicts, lists and tuples are containers; so are
/// objects of unknown classes, whose attributes are their parts; a module's parts are those of its state dict.
/// </summary>
internal sealed class PickleTree(TorchRecipes recipes)
{
    // Parts of a file may share theirs, and counting each anew takes quadratic time.
    private const int MaxCounted = 1 << 22;

    private readonly Dictionary<PickleNode, IReadOnlyList<KeyValuePair<PickleNode, PickleNode>>> _distinct = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<PickleNode, TorchModule?> _modules = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<PickleNode, bool> _holdsTensors = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<PickleNode, bool> _holdsNamedTensors = new(ReferenceEqualityComparer.Instance);
    private int _counted;

    /// <summary>The value that a node stands for.</summary>
    public PickleNode Resolve(PickleNode node) => recipes.Resolve(node);

    /// <summary>The parts of a container; none of anything else.</summary>
    /// <param name="node">Resolved.</param>
    public IEnumerable<TreeChild> Children(PickleNode node) => node switch
    {
        PickleDict dict => Entries(dict),
        PickleList list => Items(list.Items),
        PickleTuple tuple => Items(tuple.Items),
        PickleCall call when Module(call) is { } module => module.StateDict,
        PickleCall call when Attributes(call) is { } attributes => Entries(attributes),
        PickleCall { Entries.Count: > 0 } call => Entries(call.ToDict()),
        PickleCall { Items.Count: > 0 } call => Items(call.Items),
        _ => [],
    };

    /// <summary>As <see cref="Children"/>, and what a module has besides its state dict.</summary>
    public IEnumerable<TreeChild> AllChildren(PickleNode node) =>
        node is PickleCall call && Module(call) is { } module ? module.StateDict.Concat(module.TransientBuffers).Concat(module.Others) : Children(node);

    /// <summary>The __dict__ of an object, or null. With __slots__, the state is a pair of dicts.</summary>
    public PickleDict? Attributes(PickleCall call) => call.State is null ? null : Resolve(call.State) switch
    {
        PickleDict dict => dict,
        PickleTuple { Items: [var first, var second] } => Resolve(first) as PickleDict ?? Resolve(second) as PickleDict,
        _ => null,
    };

    /// <summary>The module that an object is, or null.</summary>
    public TorchModule? Module(PickleCall call)
    {
        if (!_modules.TryGetValue(call, out TorchModule? module))
        {
            _modules.Add(call, module = TorchModule.Of(this, call));
        }
        return module;
    }

    /// <summary>Entries of a dict; of two with one key, the later value at the earlier place.</summary>
    public IEnumerable<TreeChild> Entries(PickleDict dict)
    {
        foreach ((PickleNode key, PickleNode value) in Distinct(dict))
        {
            yield return new TreeChild(key, 0, Resolve(value));
        }
    }

    /// <summary>Whether a tensor is among the leaves below a node. What holds itself counts as if it ended there.</summary>
    public bool HoldsTensors(PickleNode node) => Reaches(node, _holdsTensors, Children);

    /// <summary>Whether one is that has a name: what keeps averaged weights as a bare list of tensors is no state dict.</summary>
    public bool HoldsNamedTensors(PickleNode node) => Reaches(node, _holdsNamedTensors, container => container is PickleDict or PickleCall ? Children(container) : []);

    /// <summary>Tensors below a node, each counted once, and their bytes; null when much has been counted already.</summary>
    public (long Count, Int128 Bytes)? Count(PickleNode node)
    {
        HashSet<PickleNode> seen = new(ReferenceEqualityComparer.Instance) { node };
        Stack<PickleNode> open = new([node]);
        (long count, Int128 bytes) = (0, 0);
        while (open.TryPop(out PickleNode? next))
        {
            if (next is TorchTensor tensor)
            {
                count++;
                bytes += tensor.View?.Bytes ?? 0;
                continue;
            }
            foreach (TreeChild child in Children(next))
            {
                if (++_counted > MaxCounted)
                {
                    return null;
                }
                if ((child.Node is TorchTensor || HoldsTensors(child.Node)) && seen.Add(child.Node))
                {
                    open.Push(child.Node);
                }
            }
        }
        return (count, bytes);
    }

    private IEnumerable<TreeChild> Items(IReadOnlyList<PickleNode> items)
    {
        for (int index = 0; index < items.Count; index++)
        {
            yield return new TreeChild(null, index, Resolve(items[index]));
        }
    }

    private IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Distinct(PickleDict dict)
    {
        if (_distinct.TryGetValue(dict, out IReadOnlyList<KeyValuePair<PickleNode, PickleNode>>? known))
        {
            return known;
        }
        OrderedDictionary<(bool, string), KeyValuePair<PickleNode, PickleNode>> entries = new(dict.Items.Count);
        foreach (KeyValuePair<PickleNode, PickleNode> entry in dict.Items)
        {
            entries[PickleKey.Identity(entry.Key)] = entry;
        }
        IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> distinct = entries.Count == dict.Items.Count ? dict.Items : [.. entries.Values];
        _distinct.Add(dict, distinct);
        return distinct;
    }

    // Each container is looked at once, whatever refers to it, so the cost is that of the file and not of what it would unfold to.
    private static bool Reaches(PickleNode node, Dictionary<PickleNode, bool> reached, Func<PickleNode, IEnumerable<TreeChild>> parts)
    {
        if (Known(node, reached) is { } known)
        {
            return known;
        }
        Stack<(PickleNode Node, IEnumerator<TreeChild> Parts)> open = new();
        Open(node);
        while (open.TryPeek(out (PickleNode Node, IEnumerator<TreeChild> Parts) current))
        {
            if (!current.Parts.MoveNext())
            {
                open.Pop();
                continue;
            }
            PickleNode child = current.Parts.Current.Node;
            bool? holds = Known(child, reached);
            if (holds is null)
            {
                Open(child);
            }
            else if (holds.Value)
            {
                foreach ((PickleNode container, _) in open)
                {
                    if (reached[container])
                    {
                        break; // Then those around it know already.
                    }
                    reached[container] = true;
                }
            }
        }
        return reached[node];

        void Open(PickleNode container)
        {
            reached[container] = false;
            open.Push((container, parts(container).GetEnumerator()));
        }
    }

    private static bool? Known(PickleNode node, Dictionary<PickleNode, bool> reached) => node switch
    {
        TorchTensor => true,
        PickleDict or PickleList or PickleTuple or PickleCall => reached.TryGetValue(node, out bool holds) ? holds : null,
        _ => false,
    };
}
