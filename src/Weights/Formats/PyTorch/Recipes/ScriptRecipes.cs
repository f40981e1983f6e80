using Weights.Pickle;

namespace Weights.Formats.PyTorch.Recipes;

/// <summary>What TorchScript's pickles call around typed lists and dicts: the items are what matters, the types are in the source.</summary>
internal static class ScriptRecipes
{
    public static IEnumerable<KeyValuePair<string, TorchRecipe>> All { get; } =
    [
        new("torch.jit._pickle.build_intlist", First),
        new("torch.jit._pickle.build_tensorlist", First),
        new("torch.jit._pickle.build_doublelist", First),
        new("torch.jit._pickle.build_boollist", First),
        // (value, type)
        new("torch.jit._pickle.restore_type_tag", First),
        // (index): into a table that only the first versions kept, outside of the pickle.
        new("torch.jit._pickle.build_tensor_from_id", static (_, _, _) =>
            TorchTensor.Unsupported("is kept in a table outside of the file's pickle, as the first versions of TorchScript had it; load it with torch.jit.load and save it again")),
    ];

    private static PickleNode? First(TorchRecipes recipes, PickleCall call, int depth) =>
        recipes.Sequence(call.Arguments, depth) is [var first, ..] ? recipes.Resolve(first, depth) : null;
}
