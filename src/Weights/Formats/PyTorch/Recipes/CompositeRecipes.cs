using System.Buffers.Binary;
using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Recipes;

/// <summary>
/// Tensors that are made of others. They are kept as those, under the tensor's name, a dot and what torch calls the part; what the parts
/// do not say is metadata under the tensor's name.
/// </summary>
/// <remarks>
/// Sparse: <c>indices values</c> (COO), <c>crow_indices col_indices values</c> (CSR, BSR), <c>ccol_indices row_indices values</c> (CSC, BSC).
/// Nested: <c>values sizes strides storage_offsets</c>, or <c>values offsets lengths</c> where it is jagged. Quantised: the integers under
/// the tensor's own name, and <c>scale zero_point</c>. A subclass that wraps tensors: whatever attributes it has.
/// </remarks>
internal static class CompositeRecipes
{
    private static readonly string[] s_nestedParts = ["values", "sizes", "strides", "storage_offsets"];

    public static IEnumerable<KeyValuePair<string, TorchRecipe>> All { get; } =
    [
        new("torch._utils._rebuild_sparse_tensor", Sparse),
        new("torch._utils._rebuild_sparse_csr_tensor", Sparse),
        new("torch._utils._rebuild_nested_tensor", Nested),
        new("torch.nested._internal.nested_tensor._rebuild_njt", Jagged),
        new("torch._utils._rebuild_qtensor", Quantized),
    ];

    /// <summary>Makes what a subclass wraps: its state's tensors.</summary>
    /// <param name="recipes">Where values are resolved.</param>
    /// <param name="className">Name of the subclass.</param>
    /// <param name="arguments">Of <c>_rebuild_wrapper_subclass</c>: class, dtype, size, stride, …</param>
    /// <param name="state">The attributes.</param>
    /// <param name="depth">How deep the recipes are.</param>
    public static TorchTensor? Wrapper(TorchRecipes recipes, string className, IReadOnlyList<PickleNode> arguments, PickleNode state, int depth)
    {
        List<KeyValuePair<string, MetadataValue>> facts = [new("$class", new MetadataValue.Text(className))];
        if (arguments is [_, var dtype, var size, ..])
        {
            facts.Add(new("dtype", new MetadataValue.Text(TorchRecipes.NameOf(dtype) ?? "?")));
            facts.Add(new("size", Integers(recipes.Integers(size, depth) ?? [])));
        }
        return recipes.Resolve(state, depth) is PickleDict attributes && Parts(recipes, attributes, depth) is { Count: > 0 } parts
            ? TorchTensor.Of(parts, new MetadataValue.Map(facts))
            : null;
    }

    // (layout, (indices, values, size[, is coalesced]) or (compressed indices, plain indices, values, size)); CSR alone once had a function of its own.
    private static TorchTensor Sparse(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is not [var layoutNode, var dataNode, ..] || Layout(recipes, layoutNode, depth) is not { } layout
            || recipes.Sequence(dataNode, depth) is not { } data)
        {
            return TorchTensor.Corrupt("is sparse, but not rebuilt from a layout and its parts");
        }
        return (layout, data) switch
        {
            ("torch.sparse_coo", [var indices, var values, var size, ..]) =>
                Made(recipes, layout, size, depth, data is [_, _, _, PickleBool coalesced, ..] ? coalesced.Value : null, ("indices", indices), ("values", values)),
            ("torch.sparse_csr" or "torch.sparse_bsr", [var compressed, var plain, var values, var size]) =>
                Made(recipes, layout, size, depth, null, ("crow_indices", compressed), ("col_indices", plain), ("values", values)),
            ("torch.sparse_csc" or "torch.sparse_bsc", [var compressed, var plain, var values, var size]) =>
                Made(recipes, layout, size, depth, null, ("ccol_indices", compressed), ("row_indices", plain), ("values", values)),
            _ => TorchTensor.Unsupported($"is sparse in the layout {WeightFileException.Quote(layout)}, which is not known; call to_dense() before saving, or leave it out with --exclude"),
        };
    }

    private static string? Layout(TorchRecipes recipes, PickleNode node, int depth) => recipes.Resolve(node, depth) switch
    {
        PickleText text => text.Text,
        PickleGlobal global => global.FullName,
        _ => null,
    };

    private static TorchTensor Made(TorchRecipes recipes, string layout, PickleNode sizeNode, int depth, bool? isCoalesced, params (string Name, PickleNode Node)[] nodes)
    {
        if (recipes.Integers(sizeNode, depth) is not { } size)
        {
            return TorchTensor.Corrupt("is sparse, with a size that is no tuple of integers");
        }
        List<TorchPart> parts = [];
        foreach ((string name, PickleNode node) in nodes)
        {
            if (recipes.Resolve(node, depth) is not TorchTensor tensor)
            {
                return TorchTensor.Corrupt($"is sparse, with {name} that are no tensor");
            }
            parts.Add(new TorchPart(name, tensor));
        }
        List<KeyValuePair<string, MetadataValue>> facts = [new("layout", new MetadataValue.Text(layout)), new("size", Integers(size))];
        if (isCoalesced is { } coalesced)
        {
            facts.Add(new("is_coalesced", new MetadataValue.Bool(coalesced)));
        }
        return TorchTensor.Of(parts, new MetadataValue.Map(facts));
    }

    // (buffer, sizes, strides, storage offsets): each a tensor, but for the offsets of torch 1.13, which were a list.
    private static TorchTensor Nested(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is not { } arguments || arguments.Count != s_nestedParts.Length)
        {
            return TorchTensor.Corrupt("is nested, but not rebuilt from its values, sizes, strides and offsets");
        }
        List<TorchPart> parts = [];
        for (int index = 0; index < s_nestedParts.Length; index++)
        {
            TorchTensor? part = recipes.Resolve(arguments[index], depth) as TorchTensor
                ?? (recipes.Integers(arguments[index], depth) is { } integers ? Tensor(integers) : null);
            if (part is null)
            {
                return TorchTensor.Corrupt($"is nested, with {s_nestedParts[index]} that are no tensor");
            }
            parts.Add(new TorchPart(s_nestedParts[index], part));
        }
        return TorchTensor.Of(parts, new MetadataValue.Map([new("layout", new MetadataValue.Text("torch.strided (nested)"))]));
    }

    // A dict of what it is made of.
    private static TorchTensor? Jagged(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is not [var only] || recipes.Resolve(only, depth) is not PickleDict state)
        {
            return null;
        }
        List<KeyValuePair<string, MetadataValue>> facts = [new("layout", new MetadataValue.Text("torch.jagged"))];
        if (state.Find("_ragged_idx") is PickleInteger ragged)
        {
            facts.Add(new("ragged_idx", new MetadataValue.Integer(ragged.Value)));
        }
        List<TorchPart> parts = Parts(recipes, state, depth);
        return parts.Any(static part => part.Name == "values")
            ? TorchTensor.Of(parts, new MetadataValue.Map(facts))
            : TorchTensor.Corrupt("is nested (jagged), without values");
    }

    private static List<TorchPart> Parts(TorchRecipes recipes, PickleDict attributes, int depth)
    {
        OrderedDictionary<string, TorchTensor> parts = new(StringComparer.Ordinal);
        foreach ((PickleNode key, PickleNode value) in attributes.Items)
        {
            if (recipes.Resolve(value, depth) is TorchTensor tensor)
            {
                parts[PickleKey.Text(key)] = tensor;
            }
        }
        return [.. parts.Select(static part => new TorchPart(part.Key, part.Value))];
    }

    // (storage, offset, size, stride, (scheme, scale, zero point[, axis]), requires_grad, hooks)
    private static TorchTensor Quantized(TorchRecipes recipes, PickleCall call, int depth)
    {
        TorchTensor tensor = TensorRecipes.Rebuild(recipes, call, depth, typed: null);
        if (tensor.View is not { } view)
        {
            return tensor;
        }
        if (recipes.Sequence(call.Arguments, depth) is not [_, _, _, _, var parameters, ..] || recipes.Sequence(parameters, depth) is not [var scheme, var scale, var zeroPoint, ..] quantizer
            || Layout(recipes, scheme, depth) is not { } schemeName)
        {
            return TorchTensor.Corrupt("is quantised, without a scheme, a scale and a zero point");
        }
        if (TorchQuantizer.Integers(view.Element) is not { } integers)
        {
            return TorchTensor.Unsupported($"is quantised to torch.{view.Element.Name}, of which several share a byte and which is not read; call dequantize() before saving, or leave it out with --exclude");
        }
        bool isPerChannel = schemeName.Contains("per_channel", StringComparison.Ordinal);
        TorchTensor? scales = isPerChannel ? Channels(recipes, scale, depth) : Scalar(scale);
        TorchTensor? zeroPoints = isPerChannel ? Channels(recipes, zeroPoint, depth) : Scalar(zeroPoint);
        long? axis = isPerChannel ? (quantizer is [_, _, _, PickleInteger given, ..] ? given.Value : -1) : null;
        if (isPerChannel && scales?.View?.Element.Name == "float32")
        {
            schemeName = "torch.per_channel_affine_float_qparams"; // Torch writes the name of the other, and goes by the scales when it loads.
        }
        return scales is null || zeroPoints is null || axis < 0
            ? TorchTensor.Corrupt($"is quantised as {WeightFileException.Quote(schemeName)}, with a scale, zero point or axis that is none")
            : TorchTensor.Of(view with { Element = integers }, new TorchQuantizer(schemeName, view.Element, scales, zeroPoints, axis), recipes.Dequantizes);
    }

    private static TorchTensor? Channels(TorchRecipes recipes, PickleNode node, int depth)
    {
        if (recipes.Resolve(node, depth) is TorchTensor tensor)
        {
            return tensor;
        }
        // Before torch 1.2 they were lists.
        return recipes.Sequence(node, depth) switch
        {
            { } items when items.All(static item => item is PickleInteger) => Tensor([.. items.Select(static item => ((PickleInteger)item).Value)]),
            { } items when items.All(static item => item is PickleFloat) => Tensor([.. items.Select(static item => ((PickleFloat)item).Value)]),
            _ => null,
        };
    }

    private static TorchTensor? Scalar(PickleNode node) => node switch
    {
        PickleFloat real => TorchTensor.Of(TorchElement.OfDType("torch.float64")!, LittleEndian(BitConverter.DoubleToInt64Bits(real.Value))),
        PickleInteger integer => TorchTensor.Of(TorchElement.OfDType("torch.int64")!, LittleEndian(integer.Value)),
        _ => null,
    };

    private static TorchTensor Tensor(long[] values) =>
        TorchTensor.Of(TorchElement.OfDType("torch.int64")!, [.. values.SelectMany(static value => LittleEndian(value))], values.Length);

    private static TorchTensor Tensor(double[] values) =>
        TorchTensor.Of(TorchElement.OfDType("torch.float64")!, [.. values.SelectMany(static value => LittleEndian(BitConverter.DoubleToInt64Bits(value)))], values.Length);

    private static byte[] LittleEndian(long value)
    {
        byte[] bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }

    private static MetadataValue.List Integers(long[] values) => new([.. values.Select(static value => new MetadataValue.Integer(value))]);
}
