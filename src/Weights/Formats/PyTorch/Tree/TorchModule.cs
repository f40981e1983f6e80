using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Script;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Tree;

/// <summary>
/// A pickled <c>torch.nn.Module</c>: an object of any class whose state has the dicts that modules keep, or a module of TorchScript. Its
/// class is not needed, so it need not exist.
/// </summary>
internal sealed class TorchModule
{
    private readonly PickleTree _tree;
    private readonly IEnumerable<KeyValuePair<PickleNode, PickleNode>> _buffers;
    private readonly IEnumerable<KeyValuePair<PickleNode, PickleNode>> _modules;
    private readonly IEnumerable<KeyValuePair<PickleNode, PickleNode>> _others;
    private readonly IEnumerable<KeyValuePair<PickleNode, PickleNode>> _transientBuffers;

    private TorchModule(PickleTree tree, string className, PickleDict attributes, PickleDict parameters, PickleDict modules)
    {
        (_tree, ClassName, _modules) = (tree, className, Present(tree, modules));
        IEnumerable<KeyValuePair<PickleNode, PickleNode>> buffers = Present(tree, Attribute(tree, attributes, "_buffers") as PickleDict);
        HashSet<string> transient = Attribute(tree, attributes, "_non_persistent_buffers_set") is PickleSet names
            ? [.. names.Items.OfType<PickleText>().Select(static name => name.Text)]
            : [];
        _buffers = buffers.Where(buffer => !transient.Contains(PickleKey.Text(buffer.Key)));
        StateDict = [.. Present(tree, parameters), .. _buffers, .. _modules];
        _transientBuffers = buffers.Where(buffer => transient.Contains(PickleKey.Text(buffer.Key)));
        _others = tree.Distinct(attributes).Where(static attribute => attribute.Key is PickleText name && !name.Is("training") && !name.Text.StartsWith('_'));
    }

    private TorchModule(PickleTree tree, ScriptArchive script, PickleCall call)
    {
        (_tree, ClassName, _transientBuffers) = (tree, ScriptArchive.NameOf(call), []);
        ScriptParts parts = ScriptParts.Of(tree, script, call);
        (StateDict, _buffers, _modules, _others) = (parts.StateDict, parts.Buffers, parts.Modules, parts.Others);
    }

    /// <summary>Name of the class, with its module.</summary>
    public string ClassName { get; }

    /// <summary>What <c>state_dict()</c> goes through: parameters, buffers that are to be saved, then the modules within.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> StateDict { get; }

    /// <summary>Names of the buffers that <c>state_dict()</c> goes through.</summary>
    public IEnumerable<string> Buffers => _buffers.Select(static buffer => PickleKey.Text(buffer.Key));

    /// <summary>The modules within.</summary>
    public IEnumerable<TreeChild> Modules => _modules.Select(Child);

    /// <summary>Attributes beside what every module has: what the model says about itself.</summary>
    public IEnumerable<TreeChild> Others => _others.Select(Child);

    /// <summary>Buffers that <c>state_dict()</c> leaves out.</summary>
    public IEnumerable<TreeChild> TransientBuffers => _transientBuffers.Select(Child);

    /// <summary>The module that an object is, or null.</summary>
    public static TorchModule? Of(PickleTree tree, PickleCall call) => true switch
    {
        _ when tree.Script is { } script && ScriptArchive.IsOf(call) => ScriptParts.IsModule(script, call) ? new TorchModule(tree, script, call) : null,
        _ when tree.Attributes(call) is { } attributes && Attribute(tree, attributes, "_modules") is PickleDict modules && Attribute(tree, attributes, "_parameters") is PickleDict parameters =>
            new TorchModule(tree, TorchRecipes.NameOf(call.Callable) ?? "?", attributes, parameters, modules),
        _ => null,
    };

    private static PickleNode? Attribute(PickleTree tree, PickleDict attributes, string name) =>
        attributes.Find(name) is { } node ? tree.Resolve(node) : null;

    private static IEnumerable<KeyValuePair<PickleNode, PickleNode>> Present(PickleTree tree, PickleDict? dict) =>
        dict is null ? [] : tree.Distinct(dict).Where(static entry => entry.Value is not PickleNone);

    private TreeChild Child(KeyValuePair<PickleNode, PickleNode> entry) => new(entry.Key, 0, _tree.Resolve(entry.Value));
}
