using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>Which part of a pickle is the weights, and how to get there.</summary>
/// <param name="Node">The part.</param>
/// <param name="Steps">The containers on the way to it with the key taken in each, from the outside in.</param>
/// <param name="Skips">Parts of it that are not taken, though they hold tensors.</param>
internal sealed record RootChoice(PickleNode Node, IReadOnlyList<RootStep> Steps, IReadOnlySet<PickleNode> Skips)
{
    // A state dict within an EMA within a checkpoint is three.
    private const int MaxDepth = 8;

    private static readonly HashSet<PickleNode> s_none = new(ReferenceEqualityComparer.Instance);

    /// <summary>Keys on the way, joined by dots.</summary>
    public string Path => string.Join('.', Steps.Select(static step => step.Key));

    /// <summary>What is taken when nobody says otherwise.</summary>
    public static RootChoice Default(PickleTree tree, PickleNode root)
    {
        List<RootStep> steps = [];
        PickleNode node = root;
        while (steps.Count < MaxDepth && Descend(tree, node) is { } child)
        {
            steps.Add(new RootStep(node, child.Key));
            node = child.Node;
        }
        return new RootChoice(node, steps, TrainingState(tree, node));
    }

    /// <summary>What a path asks for: keys and indexes joined by dots, <c>.</c> for everything.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: there is nothing at that path.</exception>
    public static RootChoice At(PickleTree tree, PickleNode root, string path)
    {
        if (path == ".")
        {
            return new RootChoice(root, [], s_none);
        }
        List<RootStep> steps = [];
        return Find(tree, root, path, steps) is { } node && (tree.HoldsTensors(node))
            ? new RootChoice(node, steps, s_none)
            : throw new WeightFileException(Fault.Unsupported, $"has no tensors at {WeightFileException.Quote(path)}; {Available(tree, root)}");
    }

    // Keys may hold dots themselves: the longest that fits is tried first.
    private static PickleNode? Find(PickleTree tree, PickleNode node, string path, List<RootStep> steps)
    {
        if (steps.Count > MetadataValue.MaxDepth)
        {
            return null;
        }
        IEnumerable<TreeChild> fitting = tree.AllChildren(node)
            .Where(child => child.Key is { Length: > 0 } key && path.StartsWith(key, StringComparison.Ordinal) && (path.Length == key.Length || path[key.Length] == '.'))
            .OrderByDescending(static child => child.Key.Length);
        foreach (TreeChild child in fitting)
        {
            steps.Add(new RootStep(node, child.Key));
            if ((path.Length == child.Key.Length ? child.Node : Find(tree, child.Node, path[(child.Key.Length + 1)..], steps)) is { } found)
            {
                return found;
            }
            steps.RemoveAt(steps.Count - 1);
        }
        return null;
    }

    private static string Available(PickleTree tree, PickleNode root)
    {
        const int most = 20;
        List<string> roots = [];
        foreach (TreeChild child in tree.Children(root).Where(child => child.Node is not TorchTensor && tree.HoldsTensors(child.Node)))
        {
            roots.Add(child.Key);
            roots.AddRange(tree.Children(child.Node).Where(inner => inner.Node is not TorchTensor && tree.HoldsTensors(inner.Node)).Take(most).Select(inner => $"{child.Key}.{inner.Key}"));
        }
        string shown = string.Join(", ", roots.Take(most).Select(WeightFileException.Quote));
        return roots.Count == 0
            ? "it has no parts that hold tensors: leave --root out"
            : $"--root may be '.' for everything, or {shown}{(roots.Count > most ? ", …" : "")}";
    }

    private static TreeChild? Descend(PickleTree tree, PickleNode node)
    {
        if (node is not (PickleDict or PickleCall) || tree.TryModule(node, out _))
        {
            return null;
        }
        Dictionary<string, TreeChild> candidates = new(StringComparer.Ordinal);
        List<TreeChild> stateDicts = [];
        long direct = 0;
        foreach (TreeChild child in tree.Children(node))
        {
            if (child.Node is TorchTensor)
            {
                direct++;
            }
            else if (tree.HoldsNamedTensors(child.Node) && child.KeyNode is PickleText)
            {
                candidates[child.Key] = child;
                if (RootKeys.IsStateDict(child.Key))
                {
                    stateDicts.Add(child);
                }
            }
        }
        string? known = RootKeys.Averaged.Concat(RootKeys.Trained).FirstOrDefault(candidates.ContainsKey);
        TreeChild? chosen = known is not null ? candidates[known] : stateDicts is [var only] ? only : null;
        // A dict with more tensors of its own than are in what looks like its state dict is one itself.
        return chosen is { } part && (direct == 0 || (tree.Count(part.Node)?.Count ?? direct) >= direct) ? chosen : null;
    }

    // Where no key says which part is the weights, all parts are but those that only training needs; unless nothing else is there.
    private static HashSet<PickleNode> TrainingState(PickleTree tree, PickleNode node)
    {
        HashSet<PickleNode> training = new(ReferenceEqualityComparer.Instance);
        if (node is not PickleDict)
        {
            return training;
        }
        bool others = false;
        foreach (TreeChild child in tree.Children(node).Where(child => tree.HoldsTensors(child.Node)))
        {
            if (child.Node is not TorchTensor && child.KeyNode is PickleText && RootKeys.IsTrainingState(child.Key) && !tree.TryModule(child.Node, out _))
            {
                training.Add(child.Node);
            }
            else
            {
                others = true;
            }
        }
        return others ? training : s_none;
    }
}

/// <summary>A container, and the key by which one of its parts was taken.</summary>
internal readonly record struct RootStep(PickleNode Container, string Key);
