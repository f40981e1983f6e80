using Weights.Formats.PyTorch.Pickle;

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
        new("torch._utils._rebuild_qtensor", static (_, _, _) =>
            TorchTensor.Unsupported("is quantised by torch (qint8 and the like), which is not read; call dequantize() before saving, or leave it out with --exclude")),
        new("torch._utils._rebuild_sparse_tensor", Sparse),
        new("torch._utils._rebuild_sparse_csr_tensor", Sparse),
        new("torch._utils._rebuild_nested_tensor", static (_, _, _) =>
            TorchTensor.Unsupported("is a nested (ragged) tensor, which is not read; call unbind() before saving, or leave it out with --exclude")),
        new("torch._utils._rebuild_wrapper_subclass", static (_, _, _) =>
            TorchTensor.Unsupported("is a tensor subclass that wraps others, which is not read; leave it out with --exclude")),
    ];

    /// <summary>A storage by itself, as a tensor of one dimension; a class that an old file keeps with its source, as its name.</summary>
    public static PickleNode PersistentId(TorchRecipes recipes, PicklePersistentId id)
    {
        if (id.Id is PickleTuple { Items: [PickleText tag, PickleGlobal global, ..] } && tag.Is("module"))
        {
            return global;
        }
        return Storage(recipes, id, out string? problem, out Fault fault) is { } storage
            ? TorchTensor.Of(TorchView.Of(storage))
            : Problem(fault, problem!);
    }

    private static TorchTensor Sparse(TorchRecipes recipes, PickleCall call, int depth) =>
        TorchTensor.Unsupported("is sparse, which is not read; call to_dense() before saving, or leave it out with --exclude");

    private static TorchTensor Problem(Fault fault, string reason) => fault == Fault.Corrupt ? TorchTensor.Corrupt(reason) : TorchTensor.Unsupported(reason);

    // (storage, offset, size, stride[, requires_grad, hooks[, dtype][, metadata]])
    private static TorchTensor Rebuild(TorchRecipes recipes, PickleCall call, int depth, int? typed, int? metadata = null)
    {
        if (recipes.Sequence(call.Arguments, depth) is not { Count: >= 4 } arguments)
        {
            return TorchTensor.Corrupt("is rebuilt from fewer arguments than its storage, offset, size and strides");
        }
        if (Storage(recipes, arguments[0], out string? problem, out Fault fault) is not { } storage)
        {
            return Problem(fault, problem!);
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

    // ('storage', class, key, location, count[, view]); an old file's view is (key, offset, count) of a storage within another.
    private static TorchStorage? Storage(TorchRecipes recipes, PickleNode node, out string? problem, out Fault fault)
    {
        (problem, fault) = (null, Fault.Corrupt);
        if (node is not PicklePersistentId { Id: PickleTuple { Items: var items } } || items.Length == 0 || items[0] is not PickleText tag)
        {
            problem = node is PicklePersistentId ? "is in a storage whose id is not the tuple that it should be" : $"is in {node.Kind} where a storage should be";
            return null;
        }
        if (!tag.Is("storage"))
        {
            (problem, fault) = ($"is in something that the file calls {WeightFileException.Quote(tag.Text)} where a storage should be", Fault.Unsupported);
            return null;
        }
        if (items.Length < 5 || items[2] is not PickleText key || items[4] is not PickleInteger count)
        {
            problem = "is in a storage whose id lacks its key or its number of elements";
            return null;
        }
        string? name = TorchRecipes.NameOf(items[1]);
        if (name is null || TorchElement.OfStorageClass(name) is not { } element)
        {
            (problem, fault) = ($"is in a storage of the class {WeightFileException.Quote(name ?? "nothing")}, which is not known", Fault.Unsupported);
            return null;
        }
        StorageSource source = recipes.Storages;
        long bytes = (long)Int128.Clamp((Int128)count.Value * element.Bytes, -1, long.MaxValue);
        TorchStorage storage = new(key.Text, element, count.Value, source.IsBigEndian, () => source.Open(key.Text, bytes));
        return items.Length > 5 && items[5] is not PickleNone ? View(recipes, storage, items[5], ref problem) : storage;
    }

    private static TorchStorage? View(TorchRecipes recipes, TorchStorage whole, PickleNode view, ref string? problem)
    {
        if (recipes.Sequence(view, 0) is not [_, PickleInteger offset, PickleInteger count, ..]
            || offset.Value < 0 || count.Value < 0 || (Int128)offset.Value + count.Value > whole.Count)
        {
            problem = $"is in a part of a storage that is not inside its {whole.Count} elements";
            return null;
        }
        long start = checked(offset.Value * whole.Element.Bytes);
        long length = checked(count.Value * whole.Element.Bytes);
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
    private static TorchTensor? RebuildFromType(TorchRecipes recipes, PickleCall call, int depth) =>
        recipes.Sequence(call.Arguments, depth) is [var function, _, var arguments, ..]
        && recipes.Resolve(new PickleCall(PickleCallKind.Reduce, function, arguments, call.Offset), depth) is TorchTensor tensor
            ? tensor
            : null;

    private static PickleCall Synthetic(PickleCall call, PickleTuple arguments) => new(PickleCallKind.Reduce, call.Callable, arguments, call.Offset);
}
