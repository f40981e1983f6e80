using Weights.Pickle;

namespace Weights.Formats.PyTorch.DeepSpeed;

/// <summary>
/// Puts the ranks' parts together to one state dict in full precision, in the order of DeepSpeed's own script: buffers, frozen
/// parameters, trained parameters, and names that share one.
/// <see href="https://github.com/deepspeedai/DeepSpeed/blob/master/deepspeed/utils/zero_to_fp32.py"/>
/// </summary>
/// <param name="partitions">Of all ranks, in their order.</param>
/// <param name="models">Model states: of all ranks, in their order, or those that are the same for all.</param>
internal sealed class Consolidation(IReadOnlyList<Partition> partitions, IReadOnlyList<RankFile> models)
{
    private readonly RankFile _model = models[0];
    private readonly OrderedDictionary<string, TorchTensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>The tensors by their names.</summary>
    public IReadOnlyDictionary<string, TorchTensor> Tensors => _tensors;

    /// <summary>Puts them together.</summary>
    /// <exception cref="WeightFileException">The parts are not those of the parameters that the model states list.</exception>
    public void Run()
    {
        AddBuffers();
        AddFrozen();
        List<List<(string Name, Shape Shape)>> groups = Shapes();
        if (partitions[0].Stage == 3)
        {
            AddStretchesOfEach([.. groups.SelectMany(static group => group)]);
        }
        else
        {
            AddStretchesOfAll(groups);
        }
        AddShared();
    }

    private void AddBuffers()
    {
        HashSet<string> names = [.. (_model.Items(_model.Get(_model.Root, "buffer_names")) ?? []).OfType<PickleText>().Select(static name => name.Text)];
        foreach ((string name, PickleNode node) in _model.Named(_model.Find(_model.Root, "module")))
        {
            if (names.Contains(name) && node is TorchTensor tensor)
            {
                _tensors[name] = ToFloat(tensor);
            }
        }
    }

    private static TorchTensor ToFloat(TorchTensor tensor)
    {
        if (tensor.View is not { } view || view.Element.Model is not { } dtype || dtype == DType.F32)
        {
            return tensor;
        }
        if (dtype.BlockLength > 1 || dtype.Components > 1)
        {
            return TorchTensor.Unsupported($"is a buffer of torch.{view.Element.Name}, which is not turned into float32; leave it out with --exclude");
        }
        if (!Shape.TryCreate(view.Shape, out Shape shape))
        {
            return tensor; // It says so itself when it is wanted.
        }
        TorchElement element = TorchElement.OfDType("torch.float32")!;
        TorchStorage storage = new(tensor, element, shape.ElementCount, IsBigEndian: false, () => new FloatBytes(tensor.ToTensor("").Bytes, dtype));
        return TorchTensor.Of(new TorchView(storage, element, 0, view.Shape, shape.ContiguousStrides()));
    }

    // With stage 3 each rank has a fragment of each, otherwise the first has all of them.
    private void AddFrozen()
    {
        PickleNode? fragments = _model.Find(_model.Root, "frozen_param_fragments");
        foreach ((string name, PickleNode node) in _model.Named(_model.Find(_model.Root, "frozen_param_shapes")))
        {
            Shape shape = _model.ShapeOf(name, node);
            RankFile[] files = partitions[0].Stage == 3 ? [.. models] : [_model];
            if (files.Length < partitions.Count && partitions[0].Stage == 3)
            {
                throw _model.Corrupt($"lists frozen parameters, of which each rank has a fragment, and there are the model states of {files.Length} ranks out of {partitions.Count}: get the other zero_pp_rank_*_model_states.pt", name);
            }
            List<Stretch> parts = [];
            foreach (RankFile file in files)
            {
                PickleNode part = (file.Find(file.Root, "frozen_param_fragments") as PickleDict)?.Find(name) ?? throw file.Corrupt("has no fragment of a frozen parameter that the first rank lists", name);
                parts.Add(Stretch.Of(file, name, file.File.Tree.Resolve(part)));
            }
            _tensors[name] = Cut(Stretch.Join(parts, _model), shape, name);
        }
    }

    private TorchTensor Cut(Stretch whole, Shape shape, string name) => whole.Count < shape.ElementCount
        ? throw _model.Corrupt($"lists the shape {shape}, for which there are {whole.Count:N0} elements", name)
        : whole.Slice(0, shape.ElementCount).ToTensor(shape);

    // A list of dicts from names to shapes, one for each group of parameters; before 0.4, one dict.
    private List<List<(string Name, Shape Shape)>> Shapes()
    {
        PickleNode node = _model.Get(_model.Root, "param_shapes");
        IReadOnlyList<PickleNode> groups = _model.Items(node) ?? [node];
        return [.. groups.Select(group => _model.Named(group).Select(entry => (entry.Key, _model.ShapeOf(entry.Key, entry.Value))).ToList())];
    }

    // Stages 1 and 2: a group's parameters follow each other in what the ranks have of it.
    private void AddStretchesOfAll(List<List<(string Name, Shape Shape)>> groups)
    {
        IReadOnlyList<Stretch> first = partitions[0].Groups;
        if (groups.Count != first.Count)
        {
            throw _model.Corrupt($"lists {groups.Count} groups of parameters, and the optimizer states have {first.Count}");
        }
        for (int index = 0; index < groups.Count; index++)
        {
            Stretch whole = Stretch.Join([.. partitions.Select(partition => partition.Groups[index])], partitions[0].File);
            long at = 0;
            foreach ((string name, Shape shape) in groups[index])
            {
                CheckFits(name, shape, shape.ElementCount, whole.Count - at, index);
                _tensors[name] = whole.Slice(at, shape.ElementCount).ToTensor(shape);
                at += shape.ElementCount;
            }
            // Padding makes a group a multiple of twice the ranks; how much of it was saved depends on the version.
            long alignment = 2L * partitions.Count;
            if (Aligned(at, alignment) != Aligned(whole.Count, alignment))
            {
                throw Unequal(at, whole.Count, index);
            }
        }
    }

    private static Int128 Aligned(long count, long alignment) => ((Int128)count + alignment - 1) / alignment;

    // Stage 3: each parameter is padded to a multiple of the ranks and cut into as many stretches; a rank has its stretch of each one after the other.
    private void AddStretchesOfEach(List<(string Name, Shape Shape)> parameters)
    {
        List<Stretch> ranks = [.. partitions.Select(static partition => Stretch.Join(partition.Groups, partition.File))];
        long each = ranks[0].Count;
        if (ranks.FindIndex(rank => rank.Count != each || rank.Element != ranks[0].Element) is > 0 and int other)
        {
            throw partitions[other].File.Corrupt($"has {ranks[other].Count:N0} elements of torch.{ranks[other].Element.Name}, where the first rank has {each:N0} of torch.{ranks[0].Element.Name}");
        }
        long at = 0;
        foreach ((string name, Shape shape) in parameters)
        {
            (long first, long count) = (at, (shape.ElementCount / ranks.Count) + (shape.ElementCount % ranks.Count == 0 ? 0 : 1));
            CheckFits(name, shape, count, each - at, group: null);
            Stretch whole = Stretch.Join([.. ranks.Select(rank => rank.Slice(first, count))], partitions[0].File);
            _tensors[name] = whole.Slice(0, shape.ElementCount).ToTensor(shape);
            at += count;
        }
        if (at != each)
        {
            throw Unequal(at, each, group: null);
        }
    }

    private void CheckFits(string name, Shape shape, long needed, long left, int? group)
    {
        if (needed > left)
        {
            throw _model.Corrupt($"lists the shape {shape}, for which {needed:N0} elements {Where(group)} are needed and {left:N0} are left: a rank's file is of another checkpoint", name);
        }
    }

    private WeightFileException Unequal(long used, long there, int? group) =>
        _model.Corrupt($"lists parameters of {used:N0} elements {Where(group)}, and there are {there:N0}: a rank's file is of another checkpoint");

    private static string Where(int? group) => group is null ? "of each rank" : $"of group {group}";

    // From a name to the one that has the parameter: a dict, or a list of pairs.
    private void AddShared()
    {
        PickleNode? shared = _model.Find(_model.Root, "shared_params");
        IEnumerable<KeyValuePair<string, PickleNode>> pairs = _model.Items(shared) is { } items
            ? items.Select(_model.Items).Where(static pair => pair is [PickleText, _]).Select(static pair => KeyValuePair.Create(((PickleText)pair![0]).Text, pair[1]))
            : _model.Named(shared);
        foreach ((string name, PickleNode of) in pairs)
        {
            if (of is PickleText original && _tensors.TryGetValue(original.Text, out TorchTensor? tensor))
            {
                _tensors[name] = tensor;
            }
        }
    }
}
