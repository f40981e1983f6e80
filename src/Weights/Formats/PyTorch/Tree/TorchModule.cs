using Weights.Formats.PyTorch.Recipes;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Tree;

/// <summary>
/// A pickled <c>torch.nn.Module</c>: an object of any class whose state has the dicts that modules keep. Its class is not needed, so it
/// need not exist.
/// </summary>
internal sealed class TorchModule
{
    private readonly PickleTree _tree;
    private readonly PickleDict _attributes;
    private readonly PickleDict? _buffers;
    private readonly PickleDict _modules;
    private readonly HashSet<string> _transient; // Buffers that are not to be saved.

    private TorchModule(PickleTree tree, string className, PickleDict attributes, PickleDict parameters, PickleDict modules)
    {
        (_tree, ClassName, _attributes, _modules) = (tree, className, attributes, modules);
        _buffers = Attribute(tree, attributes, "_buffers") as PickleDict;
        _transient = Attribute(tree, attributes, "_non_persistent_buffers_set") is PickleSet names
            ? [.. names.Items.OfType<PickleText>().Select(static name => name.Text)]
            : [];
        StateDict =
        [
            .. Present(parameters),
            .. Present(_buffers).Where(buffer => !_transient.Contains(PickleKey.Text(buffer.Key))),
            .. Present(modules),
        ];
    }

    /// <summary>Name of the class, with its module.</summary>
    public string ClassName { get; }

    /// <summary>What <c>state_dict()</c> goes through: parameters, buffers that are to be saved, then the modules within.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> StateDict { get; }

    /// <summary>Names of the buffers that <c>state_dict()</c> goes through.</summary>
    public IEnumerable<string> Buffers => Present(_buffers).Select(static buffer => PickleKey.Text(buffer.Key)).Where(name => !_transient.Contains(name));

    /// <summary>The modules within.</summary>
    public IEnumerable<TreeChild> Modules => Present(_modules).Select(Child);

    /// <summary>Attributes beside what every module has: what the model says about itself.</summary>
    public IEnumerable<TreeChild> Others =>
        _tree.Distinct(_attributes).Where(static attribute => attribute.Key is PickleText name && !name.Is("training") && !name.Text.StartsWith('_')).Select(Child);

    /// <summary>Buffers that <c>state_dict()</c> leaves out.</summary>
    public IEnumerable<TreeChild> TransientBuffers => Present(_buffers).Where(buffer => _transient.Contains(PickleKey.Text(buffer.Key))).Select(Child);

    /// <summary>The module that an object is, or null.</summary>
    public static TorchModule? Of(PickleTree tree, PickleCall call) =>
        tree.Attributes(call) is { } attributes && Attribute(tree, attributes, "_modules") is PickleDict modules && Attribute(tree, attributes, "_parameters") is PickleDict parameters
            ? new TorchModule(tree, TorchRecipes.NameOf(call.Callable) ?? "?", attributes, parameters, modules)
            : null;

    private static PickleNode? Attribute(PickleTree tree, PickleDict attributes, string name) =>
        attributes.Find(name) is { } node ? tree.Resolve(node) : null;

    private IEnumerable<KeyValuePair<PickleNode, PickleNode>> Present(PickleDict? dict) =>
        dict is null ? [] : _tree.Distinct(dict).Where(static entry => entry.Value is not PickleNone);

    private TreeChild Child(KeyValuePair<PickleNode, PickleNode> entry) => new(entry.Key, 0, _tree.Resolve(entry.Value));
}
