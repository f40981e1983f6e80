using System.Text;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Recipes;

/// <summary>Containers and values of Python and torch that are as plain as a dict, but pickled as calls.</summary>
internal static class ContainerRecipes
{
    public static IEnumerable<KeyValuePair<string, TorchRecipe>> All { get; } =
    [
        // Attributes of an OrderedDict (state dicts have _metadata: versions of the modules) are dropped, as torch's own consumers do.
        new("collections.OrderedDict", Dict),
        new("collections.defaultdict", static (_, call, _) => call.Entries ?? new PickleDict()),
        new("collections.Counter", Dict),
        .. Builtin("dict", Dict),
        .. Builtin("list", List),
        .. Builtin("tuple", Tuple),
        .. Builtin("set", static (recipes, call, depth) => Only(recipes, call, depth) is { } items ? new PickleSet([.. items]) : null),
        .. Builtin("frozenset", static (recipes, call, depth) => Only(recipes, call, depth) is { } items ? new PickleSet([.. items], isFrozen: true) : null),
        .. Builtin("bytes", static (recipes, call, depth) => Bytes(recipes, call, depth, isByteArray: false)),
        .. Builtin("bytearray", static (recipes, call, depth) => Bytes(recipes, call, depth, isByteArray: true)),
        new("_codecs.encode", static (recipes, call, depth) => Bytes(recipes, call, depth, isByteArray: false)),
        new("torch.Size", Tuple),
        new("torch.device", Device),
        new("torch.serialization._get_layout", Text),
        new("copyreg._reconstructor", Reconstruct),
        new("copy_reg._reconstructor", Reconstruct),
        new("copyreg.__newobj__", NewObject),
        new("copy_reg.__newobj__", NewObject),
    ];

    private static IEnumerable<KeyValuePair<string, TorchRecipe>> Builtin(string name, TorchRecipe recipe) =>
        [new($"builtins.{name}", recipe), new($"__builtin__.{name}", recipe)];

    // () or (pairs); more entries are set afterwards.
    private static PickleDict? Dict(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is not { Count: <= 1 } arguments)
        {
            return null;
        }
        if (arguments.Count == 0)
        {
            return call.Entries ?? new PickleDict();
        }
        PickleDict dict = new();
        switch (recipes.Resolve(arguments[0], depth))
        {
            case PickleDict entries:
                Add(dict, entries.Items);
                break;
            case PickleList or PickleTuple when recipes.Sequence(arguments[0], depth) is { } pairs:
                foreach (PickleNode pair in pairs)
                {
                    if (recipes.Sequence(pair, depth) is not [var key, var value])
                    {
                        return null;
                    }
                    dict.Add(key, value);
                }
                break;
            default:
                return null;
        }
        Add(dict, call.Entries?.Items ?? []);
        return dict;
    }

    private static void Add(PickleDict dict, IReadOnlyList<KeyValuePair<PickleNode, PickleNode>> entries)
    {
        foreach ((PickleNode key, PickleNode value) in entries)
        {
            dict.Add(key, value);
        }
    }

    private static PickleList? List(TorchRecipes recipes, PickleCall call, int depth) =>
        Only(recipes, call, depth) is { } items ? new PickleList([.. items, .. call.Items?.Items ?? []]) : null;

    private static PickleTuple? Tuple(TorchRecipes recipes, PickleCall call, int depth) =>
        Only(recipes, call, depth) is { } items ? new PickleTuple([.. items]) : null;

    // The items of the only argument; none when there is no argument.
    private static IReadOnlyList<PickleNode>? Only(TorchRecipes recipes, PickleCall call, int depth) =>
        recipes.Sequence(call.Arguments, depth) switch
        {
            [] => [],
            [var only] => recipes.Resolve(only, depth) is PickleSet set ? set.Items : recipes.Sequence(only, depth),
            _ => null,
        };

    // () or (bytes) or (text, encoding): how protocols below 3 write bytes.
    private static PickleBytes? Bytes(TorchRecipes recipes, PickleCall call, int depth, bool isByteArray)
    {
        IReadOnlyList<PickleNode>? arguments = recipes.Sequence(call.Arguments, depth);
        ByteSource? bytes = arguments switch
        {
            [] => new MemoryBytes(ReadOnlyMemory<byte>.Empty),
            [var only] => (recipes.Resolve(only, depth) as PickleBytes)?.Value,
            [PickleText text, PickleText encoding] => Encode(text, encoding.Text),
            _ => null,
        };
        return bytes is null ? null : new PickleBytes(bytes, isByteArray);
    }

    private static ByteSource? Encode(PickleText text, string encoding) => encoding.Replace('_', '-').ToLowerInvariant() switch
    {
        "latin1" or "latin-1" or "iso-8859-1" => text.ToLatin1(),
        "ascii" => Ascii.IsValid(text.Text) ? text.ToLatin1() : null,
        "utf-8" or "utf8" => new MemoryBytes(Encoding.UTF8.GetBytes(text.Text)),
        _ => null,
    };

    private static PickleText? Device(TorchRecipes recipes, PickleCall call, int depth) => recipes.Sequence(call.Arguments, depth) switch
    {
        [PickleText kind] => kind,
        [PickleText kind, PickleInteger index] => new PickleText($"{kind.Text}:{index.Value}"),
        _ => null,
    };

    private static PickleText? Text(TorchRecipes recipes, PickleCall call, int depth) => recipes.Sequence(call.Arguments, depth) is [PickleText text] ? text : null;

    // (class, base, value of the base): protocols 0 and 1 make an instance like this.
    private static PickleNode? Reconstruct(TorchRecipes recipes, PickleCall call, int depth) =>
        recipes.Sequence(call.Arguments, depth) is [var type, _, var value, ..]
            ? Made(recipes, call, type, value is PickleNone ? PickleTuple.Empty : new PickleTuple([value]), depth)
            : null;

    // (class, arguments ...)
    private static PickleNode? NewObject(TorchRecipes recipes, PickleCall call, int depth) =>
        recipes.Sequence(call.Arguments, depth) is [var type, ..] arguments
            ? Made(recipes, call, type, new PickleTuple([.. arguments.Skip(1)]), depth)
            : null;

    private static PickleNode Made(TorchRecipes recipes, PickleCall call, PickleNode type, PickleTuple arguments, int depth)
    {
        PickleCall made = new(type, arguments, call.Offset);
        made.TakeOver(call);
        return recipes.Resolve(made, depth);
    }
}
