using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Script;

/// <summary>
/// The attributes of a module of TorchScript by what they are to it. Its state is a dict of them, or what its <c>__getstate__</c> made:
/// quantised layers hand over their packed weights so, and classes of torch itself (<c>__torch__.torch.classes.…</c>) all they have.
/// These are in no state dict of TorchScript, but they are the weights, so they are listed as parts, under their index where the source
/// names none.
/// </summary>
internal sealed class ScriptParts
{
    // What every module has; it says nothing of the model.
    private static readonly string[] s_common = ["training", "_is_full_backward_hook"];

    private ScriptParts()
    {
    }

    /// <summary>Parameters, buffers, then modules and packed weights, each in the order of the file; last, of the outermost module, the constants.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> StateDict { get; private init; } = [];

    /// <summary>The buffers among them.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Buffers { get; private init; } = [];

    /// <summary>The modules within.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Modules { get; private init; } = [];

    /// <summary>Everything else.</summary>
    public IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> Others { get; private init; } = [];

    /// <summary>Whether an object is a module; where its source is not there, it is taken for one.</summary>
    public static bool IsModule(ScriptArchive script, PickleCall call) => script.ClassOf(call) is not { IsModule: false };

    /// <summary>The parts of a module.</summary>
    public static ScriptParts Of(PickleTree tree, ScriptArchive script, PickleCall module)
    {
        ScriptClass? type = script.ClassOf(module);
        List<KeyValuePair<PickleNode, PickleNode>> parameters = [], buffers = [], modules = [], parts = [], others = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (KeyValuePair<PickleNode, PickleNode> attribute in tree.Distinct(Attributes(tree, type, module.State!)))
        {
            PickleNode value = tree.Resolve(attribute.Value);
            string name = PickleKey.Text(attribute.Key);
            names.Add(name);
            if (attribute.Key is not PickleText)
            {
                parts.Add(attribute);
            }
            else if (value is TorchTensor && type?.Parameters.Contains(name) == true)
            {
                parameters.Add(attribute);
            }
            else if (value is TorchTensor && type?.Buffers?.Contains(name) != false)
            {
                // Before torch 1.7 every tensor that was no parameter was a buffer, and the source did not say.
                buffers.Add(attribute);
            }
            else if (value is PickleCall { State: not null } call && ScriptArchive.IsOf(call) && IsModule(script, call))
            {
                modules.Add(attribute);
                parts.Add(attribute);
            }
            else if (value is not PickleNone && !s_common.Contains(name))
            {
                others.Add(attribute);
            }
        }
        if (script.IsRoot(module) && script.Constants is { } constants)
        {
            parts.Add(new(new PickleText(names.Contains("constants") ? "constants.pkl" : "constants"), constants));
        }
        return new ScriptParts { StateDict = [.. parameters, .. buffers, .. parts], Buffers = buffers, Modules = modules, Others = others };
    }

    private static PickleDict Attributes(PickleTree tree, ScriptClass? type, PickleNode state)
    {
        PickleNode resolved = tree.Resolve(state);
        if (resolved is PickleDict dict && type?.StateNames.Count is null or 0)
        {
            return dict;
        }
        IReadOnlyList<PickleNode> items = resolved switch
        {
            PickleTuple tuple => tuple.Items,
            PickleList list => list.Items,
            _ => [resolved],
        };
        return new PickleDict([.. items.Select((item, index) => KeyValuePair.Create(Name(type, index), item))]);
    }

    private static PickleNode Name(ScriptClass? type, int index) =>
        type?.StateNames.GetValueOrDefault(index) is { } name ? new PickleText(name) : PickleInteger.Of(index);
}
