using System.Collections.Frozen;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Recipes;

/// <summary>What a call would have made, or null when its arguments are not what the callee takes.</summary>
internal delegate PickleNode? TorchRecipe(TorchRecipes recipes, PickleCall call, int depth);

/// <summary>
/// The closed list of names that mean something here: those that rebuild tensors, storages and plain containers. A call of any
/// other name stays a record of it.
/// </summary>
/// <param name="storages">Where storages are.</param>
/// <param name="dequantizes">Whether quantised tensors become the floats that their integers stand for.</param>
internal sealed class TorchRecipes(StorageSource storages, bool dequantizes = false)
{
    // Calls within calls: a parameter of a subclass of a tensor takes three.
    private const int MaxDepth = 16;

    private static readonly FrozenDictionary<string, TorchRecipe> s_byName = new[]
    {
        TensorRecipes.All, CompositeRecipes.All, NumpyRecipes.All, ContainerRecipes.All, ScriptRecipes.All,
    }.SelectMany(static recipes => recipes).ToFrozenDictionary(static recipe => recipe.Key, static recipe => recipe.Value, StringComparer.Ordinal);

    /// <summary>Names that are more than a name.</summary>
    public static IEnumerable<string> Names => s_byName.Keys;

    /// <summary>Where storages are.</summary>
    public StorageSource Storages { get; } = storages;

    /// <summary>Whether quantised tensors become the floats that their integers stand for.</summary>
    public bool Dequantizes { get; } = dequantizes;

    /// <summary>
    /// The value that a node stands for: a <see cref="TorchTensor"/>, a plain container or text where a recipe makes one, else the node itself.
    /// The parts of a container are not resolved.
    /// </summary>
    public PickleNode Resolve(PickleNode node) => Resolve(node, 0);

    /// <summary>As <see cref="Resolve(PickleNode)"/>, within a recipe.</summary>
    public PickleNode Resolve(PickleNode node, int depth)
    {
        if (node is not (PickleCall or PicklePersistentId))
        {
            return node;
        }
        PickleObject instance = (PickleObject)node;
        if (instance.Resolved is { } known)
        {
            return known;
        }
        if (depth >= MaxDepth)
        {
            return node;
        }
        return instance.Resolved = node switch
        {
            PickleCall call when NameOf(call.Callable) is { } name && s_byName.TryGetValue(name, out TorchRecipe? recipe) => recipe(this, call, depth + 1) ?? node,
            PicklePersistentId id => Storages.Resolve(id) ?? TensorRecipes.PersistentId(this, id),
            _ => node,
        };
    }

    /// <summary>Name of a class or function, also where an old file keeps its source beside it; null where it is computed.</summary>
    public static string? NameOf(PickleNode callable) => callable switch
    {
        PickleGlobal { IsComputed: false } global => global.FullName,
        PicklePersistentId { Id: PickleTuple { Items: [PickleText tag, PickleGlobal global, ..] } } when tag.Is("module") => global.FullName,
        PicklePersistentId { Id: PickleTuple { Items: [PickleGlobal global, ..] } } => global.FullName, // In tar archives.
        _ => null,
    };

    /// <summary>The items of a tuple or list, also where a call makes it (torch.Size); null when it is none.</summary>
    public IReadOnlyList<PickleNode>? Sequence(PickleNode node, int depth) => Resolve(node, depth) switch
    {
        PickleTuple tuple => tuple.Items,
        PickleList list => list.Items,
        _ => null,
    };

    /// <summary>A tuple of integers that fit 64 bits; null when it is none.</summary>
    public long[]? Integers(PickleNode node, int depth)
    {
        // More dimensions than torch's 64 or so cost time squared later on.
        const int longest = 256;
        if (Sequence(node, depth) is not { Count: <= longest } items)
        {
            return null;
        }
        long[] values = new long[items.Count];
        for (int index = 0; index < values.Length; index++)
        {
            if (items[index] is not PickleInteger integer)
            {
                return null;
            }
            values[index] = integer.Value;
        }
        return values;
    }
}
