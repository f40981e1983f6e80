using System.Diagnostics.CodeAnalysis;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Script;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Tree;

/// <summary>
/// A pickle seen as a tree of containers with tensors and plain values as its leaves. Dicts, lists and tuples are containers; so are
/// objects of unknown classes, whose attributes are their parts; a module's parts are those of its state dict.
/// </summary>
internal sealed class PickleTree(TorchRecipes recipes, ScriptArchive? script = null)
{
    // Parts of a file may share theirs, and counting each anew takes quadratic time.
    private const int MaxCounted = 1 << 21;

    private readonly Dictionary<PickleNode, IReadOnlyList<KeyValuePair<PickleNode, PickleNode>>> _distinct = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<PickleNode, TorchModule> _modules = new(ReferenceEqualityComparer.Instance);
    private int _counted;

    /// <summary>Of TorchScript, the archive around the pickle.</summary>
    public ScriptArchive? Script => script;

    /// <summary>The value that a node stands for.</summary>
    public PickleNode Resolve(PickleNode node) => recipes.Resolve(node);

    /// <summary>The parts of a container; none of anything else.</summary>
    /// <param name="node">Resolved.</param>
    public PickleParts Parts(PickleNode node) => node switch
    {
        PickleDict dict => new(Distinct(dict)),
        PickleList list => new(list.Items),
        PickleTuple tuple => new(tuple.Items),
        PickleCall call when TryModule(call, out TorchModule? module) => new(module.StateDict),
        PickleCall call when Attributes(call) is { } attributes => new(Distinct(attributes)),
        PickleCall { Entries: { } entries } => new(Distinct(entries)),
        PickleCall { Items: { } items } => new(items.Items),
        _ => default,
    };

    /// <summary>As <see cref="Parts"/>, resolved.</summary>
    public IEnumerable<TreeChild> Children(PickleNode node)
    {
        PickleParts parts = Parts(node);
        for (int index = 0; index < parts.Count; index++)
        {
            yield return new TreeChild(parts.KeyNode(index), index, Resolve(parts[index]));
        }
    }

    /// <summary>As <see cref="Children"/>, and what a module has besides its state dict.</summary>
    public IEnumerable<TreeChild> AllChildren(PickleNode node) =>
        node is PickleCall call && TryModule(call, out TorchModule? module) ? Children(node).Concat(module.TransientBuffers).Concat(module.Others) : Children(node);

    /// <summary>The __dict__ of an object, or null. With __slots__, the state is a pair of dicts.</summary>
    public PickleDict? Attributes(PickleCall call) => call.State is null ? null : Resolve(call.State) switch
    {
        PickleDict dict => dict,
        PickleTuple { Items: [var first, var second] } => Resolve(first) as PickleDict ?? Resolve(second) as PickleDict,
        _ => null,
    };

    /// <summary>The module that an object is.</summary>
    public bool TryModule(PickleNode node, [NotNullWhen(true)] out TorchModule? module)
    {
        module = null;
        if (node is not PickleCall { State: not null } call || (call.Notes & PickleNotes.IsNoModule) != 0)
        {
            return false;
        }
        if (!_modules.TryGetValue(call, out module))
        {
            module = TorchModule.Of(this, call);
            if (module is null)
            {
                call.Notes |= PickleNotes.IsNoModule;
            }
            else
            {
                _modules.Add(call, module);
            }
        }
        return module is not null;
    }

    /// <summary>Whether a tensor is among the leaves below a node. What holds itself counts as if it ended there.</summary>
    public bool HoldsTensors(PickleNode node) => Reaches(node, PickleNotes.TensorsKnown, PickleNotes.HoldsTensors, throughLists: true);

    /// <summary>Whether one is that has a name: what keeps averaged weights as a bare list of tensors is no state dict.</summary>
    public bool HoldsNamedTensors(PickleNode node) => Reaches(node, PickleNotes.NamedTensorsKnown, PickleNotes.HoldsNamedTensors, throughLists: false);

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
                count += tensor.View is null ? tensor.Parts.Count : 1 + tensor.Parts.Count;
                bytes += tensor.Bytes;
                continue;
            }
            foreach (TreeChild child in Children(next))
            {
                if (++_counted > MaxCounted)
                {
                    return null;
                }
                if (HoldsTensors(child.Node) && seen.Add(child.Node))
                {
                    open.Push(child.Node);
                }
            }
        }
        return (count, bytes);
    }

    /// <summary>How many tensors are at or below a node and how large they are, for messages.</summary>
    public string Describe(PickleNode node) => (node, Count(node)) switch
    {
        (TorchTensor tensor, _) => $"a tensor of {tensor.Bytes:N0} bytes",
        (_, { } count) => $"{count.Count:N0} tensor{(count.Count == 1 ? "" : "s")} of {count.Bytes:N0} bytes",
        _ => "tensors",
    };

    /// <summary>Entries of a dict; of two with one key, the later value at the earlier place.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Distinct(PickleDict dict)
    {
        if ((dict.Notes & PickleNotes.IsDistinct) != 0)
        {
            return dict.Items;
        }
        if (_distinct.TryGetValue(dict, out IReadOnlyList<KeyValuePair<PickleNode, PickleNode>>? known))
        {
            return known;
        }
        if (PickleKey.AreDistinct(dict.Items))
        {
            dict.Notes |= PickleNotes.IsDistinct;
            return dict.Items;
        }
        OrderedDictionary<(bool, string), KeyValuePair<PickleNode, PickleNode>> entries = [];
        foreach (KeyValuePair<PickleNode, PickleNode> entry in dict.Items)
        {
            entries[PickleKey.Identity(entry.Key)] = entry;
        }
        IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> distinct = [.. entries.Values];
        _distinct.Add(dict, distinct);
        return distinct;
    }

    // Each container is looked at once, whatever refers to it, so the cost is that of the file and not of what it would unfold to.
    private bool Reaches(PickleNode node, PickleNotes known, PickleNotes holds, bool throughLists)
    {
        if (!IsOpen(node, known))
        {
            return node is TorchTensor || (node.Notes & holds) != 0;
        }
        Stack<(PickleNode Container, PickleParts Parts, int Next)> open = new();
        Open(node);
        while (open.TryPop(out (PickleNode Container, PickleParts Parts, int Next) current))
        {
            if (current.Next == current.Parts.Count)
            {
                continue;
            }
            open.Push(current with { Next = current.Next + 1 });
            PickleNode child = Resolve(current.Parts[current.Next]);
            if (IsOpen(child, known))
            {
                Open(child);
            }
            else if (child is TorchTensor || (child.Notes & holds) != 0)
            {
                foreach ((PickleNode container, _, _) in open)
                {
                    if ((container.Notes & holds) != 0)
                    {
                        break; // Then those around it know already.
                    }
                    container.Notes |= holds;
                }
            }
        }
        return (node.Notes & holds) != 0;

        void Open(PickleNode container)
        {
            container.Notes |= known;
            if (throughLists || container is PickleDict or PickleCall)
            {
                open.Push((container, Parts(container), 0));
            }
        }
    }

    private static bool IsOpen(PickleNode node, PickleNotes known) =>
        node is PickleDict or PickleList or PickleTuple or PickleCall && (node.Notes & known) == 0;
}
