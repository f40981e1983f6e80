using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>
/// Walks the chosen part of a pickle and names its tensors. Parts that are shared are walked once for each name, so what a file can
/// make of that is limited.
/// </summary>
internal sealed class TensorCollector(PickleTree tree, RootChoice choice)
{
    // Honest files share a tensor among the layers that use it; there are never thousands.
    private const int MaxNamesOfOne = 4096;

    // Ten times the tensors and plain values of the largest checkpoints there are.
    private const int MaxVisits = 1 << 22;

    // 128 MB of names; a million tensors with names of 60 characters.
    private const long MaxNameCharacters = 1 << 26;

    private readonly List<(string Name, TorchTensor Tensor)> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<PickleNode, int> _namesOf = new(ReferenceEqualityComparer.Instance);
    private readonly List<string> _path = [];
    private readonly List<PickleNode> _around = [];
    private readonly List<LeftOut> _leftOut = [];
    private string? _wanted; // A name of which only the path is looked for.
    private int _visits;
    private long _characters;

    /// <summary>Tensors in the order of the file, under unique names.</summary>
    public IReadOnlyList<(string Name, TorchTensor Tensor)> Tensors => _tensors;

    /// <summary>What was found and cannot be named or has no values.</summary>
    public IReadOnlyList<LeftOut> LeftOut => _leftOut;

    /// <summary>Walks.</summary>
    /// <exception cref="WeightFileException">Two tensors would have one name, or the file unfolds to more than is reasonable.</exception>
    public void Run()
    {
        if (choice.Node is TorchTensor tensor)
        {
            Add(choice.Steps.Count == 0 ? "tensor" : choice.Steps[^1].Key, tensor);
        }
        else if (tree.HoldsTensors(choice.Node))
        {
            Walk(choice.Node);
        }
    }

    /// <summary>False when the wanted name has been found: the path then leads to it.</summary>
    private bool Walk(PickleNode container)
    {
        if (_around.Count >= MetadataValue.MaxDepth)
        {
            throw new WeightFileException(Fault.Unsupported, $"tensors are nested deeper than {MetadataValue.MaxDepth} containers (at {WeightFileException.Quote(Name())}); choose a part with --root");
        }
        _around.Add(container);
        foreach (TreeChild child in tree.Children(container))
        {
            if (++_visits > MaxVisits)
            {
                throw new WeightFileException(Fault.Unsupported, $"the file refers to the same parts so often that they unfold to more than {MaxVisits:N0} values; choose a part with --root");
            }
            if (tree.HoldsTensors(child.Node) && !choice.Skips.Contains(child.Node))
            {
                _path.Add(child.Key);
                if (!Visit(child.Node))
                {
                    return false;
                }
                _path.RemoveAt(_path.Count - 1);
            }
        }
        _around.RemoveAt(_around.Count - 1);
        return true;
    }

    private bool Visit(PickleNode node)
    {
        if (node is TorchTensor tensor)
        {
            string name = Name();
            if (name == _wanted)
            {
                return false;
            }
            Add(name, tensor);
        }
        else if (_around.Contains(node))
        {
            _leftOut.Add(new LeftOut(FullName(), "is the same object as one that it is in; its tensors are read there"));
        }
        else
        {
            return Walk(node);
        }
        return true;
    }

    private void Add(string name, TorchTensor tensor)
    {
        if (tensor.View is not null || tensor.Parts.Count == 0)
        {
            AddOne(name, tensor);
        }
        foreach (TorchPart part in tensor.Parts)
        {
            Add($"{name}.{part.Name}", part.Tensor);
        }
    }

    private void AddOne(string name, TorchTensor tensor)
    {
        _characters += name.Length;
        int names = _namesOf[tensor] = _namesOf.GetValueOrDefault(tensor) + 1;
        if (names > MaxNamesOfOne || _characters > MaxNameCharacters)
        {
            throw new WeightFileException(Fault.Unsupported, $"the file refers to the same parts so often that they unfold to too many tensors ({_tensors.Count:N0} so far); choose a part with --root", tensor: name);
        }
        if (tensor.HasNoValues)
        {
            _leftOut.Add(new LeftOut(FullName(), tensor.Problem!.Value.Reason));
            return;
        }
        if (!IsUnicode(name))
        {
            throw new WeightFileException(Fault.Unsupported, "has a name that is no valid Unicode; rename it where it was saved, or choose a part without it with --root", tensor: name);
        }
        if (!_names.Add(name))
        {
            throw new WeightFileException(Fault.Unsupported, $"two tensors would have this name: the one at {PathOf(name)} and the one at {Steps(_path)}; choose a part with --root that holds one of them", tensor: name);
        }
        _tensors.Add((name, tensor));
    }

    private string PathOf(string name)
    {
        TensorCollector again = new(tree, choice) { _wanted = name };
        again.Run();
        return Steps(again._path);
    }

    private string Name() => string.Join('.', _path);

    private string FullName() => string.Join('.', choice.Steps.Select(static step => step.Key).Concat(_path));

    private static string Steps(IEnumerable<string> path) => string.Join(" → ", path.Select(WeightFileException.Quote));

    private static bool IsUnicode(string name)
    {
        for (int index = 0; index < name.Length; index++)
        {
            if (char.IsSurrogate(name[index]))
            {
                if (index + 1 == name.Length || !char.IsSurrogatePair(name[index], name[index + 1]))
                {
                    return false;
                }
                index++;
            }
        }
        return true;
    }
}
