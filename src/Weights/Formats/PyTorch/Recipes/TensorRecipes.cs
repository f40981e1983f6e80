using Weights.Pickle;

namespace Weights.Formats.PyTorch.Recipes;

/// <summary>What <c>torch.save</c> calls to rebuild tensors, parameters and storages. Devices are not looked at: bytes have none.</summary>
internal static class TensorRecipes
{
    public static IEnumerable<KeyValuePair<string, TorchRecipe>> All { get; } =
    [
        new("torch._utils._rebuild_tensor", static (recipes, call, depth) => Rebuild(recipes, call, depth, typed: null)),
        new("torch._utils._rebuild_tensor_v2", static (recipes, call, depth) => Rebuild(recipes, call, depth, typed: null, metadata: 6)),
        new("torch._utils._rebuild_tensor_v3", static (recipes, call, depth) => Rebuild(recipes, call, depth, typed: 6, metadata: 7)),
        new("torch._utils._rebuild_parameter", First),
        new("torch._utils._rebuild_parameter_with_state", First),
        new("torch._utils._rebuild_device_tensor_from_cpu_tensor", First),
        new("torch._utils._rebuild_device_tensor_from_numpy", First),
        new("torch._utils._rebuild_xla_tensor", First),
        new("torch.nn.parameter.Parameter", First),
        new("torch.nn.parameter.Buffer", First),
        new("torch.nn.Parameter", First),
        new("torch.autograd.variable.Variable", First),
        new("torch.autograd.Variable", First),
        new("torch.Tensor", First),
        new("torch._tensor._rebuild_from_type", RebuildFromType),
        new("torch._tensor._rebuild_from_type_v2", RebuildFromType),
        new("torch.tensor._rebuild_from_type", RebuildFromType),
        new("torch._utils._rebuild_meta_tensor_no_storage", static (_, _, _) =>
            TorchTensor.WithoutValues("is on the meta device: the file holds its shape, but no values")),
    ];

    /// <summary>A storage by itself, as a tensor of one dimension; a class that an old file keeps with its source, as its name.</summary>
    public static PickleNode PersistentId(TorchRecipes recipes, PicklePersistentId id)
    {
        if (id.Id is PickleTuple { Items: [PickleText tag, PickleGlobal global, ..] } && tag.Is("module"))
        {
            return global;
        }
        return Storage(recipes, id, out TorchTensor? problem) is { } storage ? TorchTensor.Of(TorchView.Of(storage)) : problem!;
    }

    /// <summary>A view of a storage, from <c>(storage, offset, size, stride[, requires_grad, hooks[, dtype][, metadata]])</c>.</summary>
    public static TorchTensor Rebuild(TorchRecipes recipes, PickleCall call, int depth, int? typed, int? metadata = null)
    {
        if (recipes.Sequence(call.Arguments, depth) is not { Count: >= 4 } arguments)
        {
            return TorchTensor.Corrupt("is rebuilt from fewer arguments than its storage, offset, size and strides");
        }
        if (Storage(recipes, arguments[0], out TorchTensor? problem) is not { } storage)
        {
            return problem!;
        }
        if (arguments[1] is not PickleInteger offset || recipes.Integers(arguments[2], depth) is not { } shape || recipes.Integers(arguments[3], depth) is not { } strides)
        {
            return TorchTensor.Corrupt("has an offset, size or strides that are no integers of 64 bits");
        }
        TorchElement element = storage.Element;
        if (typed is { } place)
        {
            string? name = arguments.Count > place ? TorchRecipes.NameOf(arguments[place]) : null;
            if (name is null || TorchElement.OfDType(name) is not { } given)
            {
                return TorchTensor.Unsupported($"has the dtype {WeightFileException.Quote(name ?? "nothing")}, which is not known; leave it out with --exclude");
            }
            element = given;
        }
        (bool conjugate, bool negative) = metadata is { } at && arguments.Count > at ? Marks(recipes.Resolve(arguments[at], depth)) : default;
        return TorchTensor.Of(new TorchView(storage, element, offset.Value, shape, strides, conjugate, negative));
    }

    private static (bool Conjugate, bool Negative) Marks(PickleNode metadata) =>
        metadata is PickleDict marks ? (marks.Find("conj") == PickleBool.True, marks.Find("neg") == PickleBool.True) : default;

    private static TorchStorage? Storage(TorchRecipes recipes, PickleNode node, out TorchTensor? problem)
    {
        if (!StorageId.TryRead(node, out StorageId? id, out problem))
        {
            return null;
        }
        if (id.Element is not { } element)
        {
            problem = TorchTensor.Unsupported($"is in a storage of the class {WeightFileException.Quote(id.ClassName)}, which is not known");
            return null;
        }
        StorageSource source = recipes.Storages;
        long bytes = (long)Int128.Clamp((Int128)id.Count * element.Bytes, -1, long.MaxValue);
        TorchStorage storage = new((source, id.Key), element, id.Count, source.IsBigEndian, () => source.Open(id.Key, bytes));
        return id.View is null ? storage : View(recipes, storage, id.View, ref problem);
    }

    // (key, offset, count), in elements, of a storage within another.
    private static TorchStorage? View(TorchRecipes recipes, TorchStorage whole, PickleNode view, ref TorchTensor? problem)
    {
        if (recipes.Sequence(view, 0) is not [_, PickleInteger offset, PickleInteger count, ..]
            || offset.Value < 0 || count.Value < 0 || (Int128)offset.Value + count.Value > whole.Count || whole.Bytes > long.MaxValue)
        {
            problem = TorchTensor.Corrupt($"is in a part of a storage that is not inside its {whole.Count} elements");
            return null;
        }
        long start = offset.Value * whole.Element.Bytes;
        long length = count.Value * whole.Element.Bytes;
        return whole with { Count = count.Value, Start = start, Open = () => whole.Open().Slice(start, length) };
    }

    // The tensor among the arguments of what marks it as a parameter, or moves it to a device.
    private static TorchTensor? First(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is [var first, ..] && recipes.Resolve(first, depth) is TorchTensor tensor)
        {
            return tensor;
        }
        // The first versions of torch made an empty tensor and gave it its storage afterwards.
        return call.State is PickleTuple { Items: [PicklePersistentId, ..] } state ? Rebuild(recipes, Synthetic(call, state), depth, typed: null) : null;
    }

    // (function, type, arguments, state): a subclass or attributes put onto what the function makes.
    private static TorchTensor? RebuildFromType(TorchRecipes recipes, PickleCall call, int depth)
    {
        if (recipes.Sequence(call.Arguments, depth) is not [var function, var type, var arguments, ..] all)
        {
            return null;
        }
        return TorchRecipes.NameOf(function) == "torch._utils._rebuild_wrapper_subclass" && all is [_, _, _, var state, ..] && recipes.Sequence(arguments, depth) is { } made
            ? CompositeRecipes.Wrapper(recipes, TorchRecipes.NameOf(type) ?? "?", made, state, depth)
            : recipes.Resolve(new PickleCall(function, arguments, call.Offset), depth) as TorchTensor;
    }

    private static PickleCall Synthetic(PickleCall call, PickleTuple arguments) => new(call.Callable, arguments, call.Offset);
}
