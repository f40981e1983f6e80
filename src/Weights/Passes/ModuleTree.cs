namespace Weights.Passes;

/// <summary>A module of a network, with what is in it and in the modules within it.</summary>
public sealed class ModuleNode
{
    private readonly OrderedDictionary<string, ModuleNode> _children = new(StringComparer.Ordinal);

    internal ModuleNode(string path, string name, int depth) => (Path, Name, Depth) = (path, name, depth);

    /// <summary>Where it is; empty for the network itself.</summary>
    public string Path { get; }

    /// <summary>Last part of the path.</summary>
    public string Name { get; }

    /// <summary>How many modules it is within.</summary>
    public int Depth { get; }

    /// <summary>Its class with the Python module that it is in; null where the file does not say.</summary>
    public string? ClassName { get; internal set; }

    /// <summary>Elements of its parameters, or of all its tensors where the file does not tell them from buffers. What is shared counts once.</summary>
    public long Parameters { get; internal set; }

    /// <summary>Elements of its buffers, where the file tells them from parameters.</summary>
    public long Buffers { get; internal set; }

    /// <summary>Bytes of its tensors.</summary>
    public long Bytes { get; internal set; }

    /// <summary>How many tensors it has.</summary>
    public int Tensors { get; internal set; }

    /// <summary>The modules in it.</summary>
    public IReadOnlyList<ModuleNode> Children => _children.Values;

    /// <summary>It and all below it, each before those within it.</summary>
    public IEnumerable<ModuleNode> Flatten()
    {
        Stack<ModuleNode> open = new([this]);
        while (open.TryPop(out ModuleNode? node))
        {
            yield return node;
            foreach (ModuleNode child in node.Children.Reverse())
            {
                open.Push(child);
            }
        }
    }

    internal ModuleNode Child(string name)
    {
        if (!_children.TryGetValue(name, out ModuleNode? child))
        {
            _children.Add(name, child = new ModuleNode(Path.Length == 0 ? name : $"{Path}.{name}", name, Depth + 1));
        }
        return child;
    }
}

/// <summary>The modules of a checkpoint: as the file describes them, else as the parts of its tensors' names between dots.</summary>
public static class ModuleTree
{
    // Networks stay below 20. Without a limit, names of nothing but dots take quadratic space.
    private const int MaxDepth = 64;

    /// <summary>The network itself.</summary>
    public static ModuleNode Modules(this Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ModuleNode root = new("", "", 0);
        HashSet<string> buffers = new(StringComparer.Ordinal);
        foreach (Module module in checkpoint.Modules)
        {
            Find(root, module.Path)[^1].ClassName = module.ClassName;
            buffers.UnionWith(module.Buffers.Select(buffer => module.Path.Length == 0 ? buffer : $"{module.Path}.{buffer}"));
        }
        HashSet<string>? known = checkpoint.Modules.Count == 0 ? null : [.. checkpoint.Modules.Select(static module => module.Path)];
        IReadOnlyDictionary<string, string> sameAs = checkpoint.SameAs();
        foreach (Tensor tensor in checkpoint.Tensors)
        {
            long elements = sameAs.ContainsKey(tensor.Name) ? 0 : tensor.Shape.ElementCount;
            bool isBuffer = buffers.Contains(tensor.Name);
            foreach (ModuleNode node in Find(root, Owner(tensor.Name, known)))
            {
                node.Parameters = checked(node.Parameters + (isBuffer ? 0 : elements));
                node.Buffers = checked(node.Buffers + (isBuffer ? elements : 0));
                node.Bytes = checked(node.Bytes + tensor.Bytes.Length);
                node.Tensors++;
            }
        }
        return root;
    }

    // What the name says before its last dot; of a described network, the innermost module that the name begins with.
    private static string Owner(string name, HashSet<string>? known)
    {
        if (known is null)
        {
            return name[..Math.Max(name.LastIndexOf('.'), 0)];
        }
        string owner = "";
        int dot = name.IndexOf('.');
        for (int depth = 0; dot >= 0 && depth < MaxDepth; depth++)
        {
            owner = known.Contains(name[..dot]) ? name[..dot] : owner;
            dot = name.IndexOf('.', dot + 1);
        }
        return owner;
    }

    // The way to a module, from the network itself on.
    private static List<ModuleNode> Find(ModuleNode root, string path)
    {
        List<ModuleNode> way = [root];
        if (path.Length == 0)
        {
            return way;
        }
        foreach (string name in path.Split('.', MaxDepth))
        {
            way.Add(way[^1].Child(name));
        }
        return way;
    }
}
