using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.External;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Reading;

namespace Weights.Formats.Onnx.Writing;

/// <summary>
/// The model that a checkpoint was read from, with what has become of its tensors: other elements, other names, other types
/// (a <c>Cast</c> node then gives the graph what it expects), or an input where an initializer is gone. Everything else stays.
/// </summary>
internal sealed class KeptGraph
{
    private const string CastOperator = "Cast";
    private const int IntegerAttribute = 2;

    private readonly OnnxModel _original;
    private readonly Checkpoint _checkpoint;
    private readonly Ledger _ledger;
    private readonly ModelProto _model;
    private readonly Dictionary<string, Tensor> _tensors; // By the names of the file that was read.
    private readonly List<DraftTensor> _drafts = [];
    private readonly HashSet<TensorProto> _initializers; // By reference: to compare two by content takes long.
    private readonly List<(TensorProto Initializer, ElementType Type)> _casts = [];

    private KeptGraph(OnnxModel original, Checkpoint checkpoint, Ledger ledger)
    {
        (_original, _checkpoint, _ledger) = (original, checkpoint, ledger);
        _model = original.Message.Clone();
        _initializers = new HashSet<TensorProto>((IEnumerable<TensorProto>?)_model.Graph?.Initializer ?? [], ReferenceEqualityComparer.Instance);
        _tensors = checkpoint.Tensors.ToDictionary(tensor => checkpoint.OriginalName(tensor.Name), StringComparer.Ordinal);
    }

    /// <summary>The model, to be written.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: a tensor has become what the graph cannot take.</exception>
    public static ModelDraft Draft(OnnxModel original, Checkpoint checkpoint, Ledger ledger)
    {
        KeptGraph graph = new(original, checkpoint, ledger);
        graph.Replace();
        graph.AddCasts();
        graph.Rename();
        return new ModelDraft(graph._model, original.Skeleton.Payloads, graph._drafts);
    }

    private void Replace()
    {
        TensorSearch search = new();
        search.Search(_model); // Before anything changes: the way to a tensor may have the index of a node in it.
        foreach ((DraftTensor draft, DType expected) in WeightNodes.Change(_model, _original, _checkpoint, _tensors, _ledger))
        {
            _initializers.Add(draft.Message);
            _drafts.Add(draft);
            if (draft.Tensor.DType != expected)
            {
                Cast(draft.Message, draft.Tensor, expected);
            }
        }
        HashSet<TensorProto> present = new((IEnumerable<TensorProto>?)_model.Graph?.Initializer ?? [], ReferenceEqualityComparer.Instance);
        HashSet<TensorProto> gone = new(ReferenceEqualityComparer.Instance);
        foreach (FoundTensor found in search.Found.Where(static found => found.Message is not null))
        {
            TensorProto message = found.Message!;
            if (!_original.Tensors.TryGetValue(found.Name, out Tensor? read))
            {
                continue; // Strings.
            }
            if (_initializers.Contains(message) && !present.Contains(message))
            {
                continue; // Others have taken its place.
            }
            if (!_tensors.TryGetValue(found.Name, out Tensor? tensor))
            {
                if (_initializers.Contains(message))
                {
                    gone.Add(message);
                    continue;
                }
                tensor = read; // Part of a node or of a sparse tensor, which are nothing without it.
            }
            if (tensor.Shape != read.Shape)
            {
                throw new WeightFileException(Fault.Unsupported, $"has the shape {tensor.Shape}, but the graph is made for {read.Shape}", tensor: tensor.Name);
            }
            if (tensor.DType != read.DType)
            {
                Cast(message, tensor, read.DType);
            }
            _drafts.Add(new DraftTensor(message, tensor)
            {
                IsInPlace = ReferenceEquals(tensor.Bytes, read.Bytes),
                WasExternal = message.DataLocation == ExternalEntry.IsExternal,
                WasUnchecked = message.DataLocation == ExternalEntry.IsExternal && ExternalEntry.Of(message).Checksum is null,
                IsInitializer = found.IsInitializer,
            });
        }
        if (gone.Count > 0)
        {
            Remove(gone);
        }
    }

    // What nodes use and nobody gives becomes something that whoever runs the graph has to give.
    private void Remove(HashSet<TensorProto> gone)
    {
        GraphProto graph = _model.Graph;
        HashSet<string> used = GraphNames.Used(graph);
        HashSet<string> inputs = [.. graph.Input.Select(static input => input.Name)];
        TensorProto[] kept = [.. graph.Initializer.Where(tensor => !gone.Contains(tensor))];
        List<string> needed = [];
        foreach (TensorProto tensor in graph.Initializer.Where(gone.Contains).Where(tensor => used.Contains(tensor.Name)))
        {
            needed.Add(tensor.Name);
            if (inputs.Add(tensor.Name))
            {
                graph.Input.Add(PlainModel.Value(tensor.Name, tensor.DataType, tensor.Dims));
            }
        }
        graph.Initializer.Clear();
        graph.Initializer.AddRange(kept);
        if (needed.Count > 0)
        {
            string others = needed.Count > 1 ? $", one of {needed.Count:N0}" : "";
            _ledger.Add(LedgerKind.Restated, needed[0], $"is an input of the graph now, as its nodes need it{others}");
        }
    }

    private void Cast(TensorProto message, Tensor tensor, DType expected)
    {
        ElementType type = ElementType.Of(tensor.DType);
        long opset = _model.OpsetImport.FirstOrDefault(static set => set.Domain.Length == 0)?.Version ?? 0;
        if (!_initializers.Contains(message))
        {
            throw new WeightFileException(Fault.Unsupported, $"is part of a node or of a sparse tensor, which expects {expected}; leave out --cast, or --all-tensors", tensor: tensor.Name);
        }
        if (opset < type.CastOpset)
        {
            throw new WeightFileException(Fault.Unsupported, $"cannot become {tensor.DType}: the graph expects {expected}, and its operators (ai.onnx {opset}) cast {type.Name} only since version {type.CastOpset}; leave out --cast", tensor: tensor.Name);
        }
        _casts.Add((message, type));
    }

    // What uses the initializer uses the output of a node that gives it the type that it had.
    private void AddCasts()
    {
        if (_casts.Count == 0)
        {
            return;
        }
        GraphProto graph = _model.Graph;
        HashSet<string> taken = GraphNames.All(graph);
        Dictionary<string, string> outputs = new(StringComparer.Ordinal);
        List<NodeProto> nodes = [];
        foreach ((TensorProto initializer, ElementType type) in _casts)
        {
            string output = $"{initializer.Name}.{ElementType.NameOf(initializer.DataType)}";
            while (!taken.Add(output))
            {
                output += "_";
            }
            outputs.Add(initializer.Name, output);
            AttributeProto to = new() { Name = "to", I = initializer.DataType, Type = IntegerAttribute };
            nodes.Add(new NodeProto { OpType = CastOperator, Name = output, Input = { initializer.Name }, Output = { output }, Attribute = { to } });
            initializer.DataType = type.Code;
        }
        GraphNames.RenameUses(graph, outputs, withOutputs: false);
        nodes.AddRange(graph.Node);
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
        Dictionary<string, int> types = _casts.ToDictionary(static cast => cast.Initializer.Name, static cast => cast.Type.Code, StringComparer.Ordinal);
        foreach (ValueInfoProto value in graph.Input.Concat(graph.Output).Where(value => types.ContainsKey(value.Name) && value.Type?.TensorType is not null))
        {
            value.Type.TensorType.ElemType = types[value.Name];
        }
    }

    private void Rename()
    {
        GraphProto? graph = _model.Graph;
        HashSet<string> initializers = [.. graph?.Initializer.Select(static tensor => tensor.Name) ?? []];
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        HashSet<string>? taken = null;
        foreach (Tensor tensor in _checkpoint.Tensors)
        {
            string old = _checkpoint.OriginalName(tensor.Name);
            if (old == tensor.Name)
            {
                continue;
            }
            if (!initializers.Contains(old))
            {
                _ledger.Add(LedgerKind.Restated, old, "keeps its name: it is part of a node or of a sparse tensor, and named by the way to it");
                continue;
            }
            names.Add(old, tensor.Name);
        }
        foreach ((string old, string name) in names)
        {
            taken ??= GraphNames.All(_model.Graph);
            if (taken.Contains(name) && !names.ContainsKey(name))
            {
                throw new WeightFileException(Fault.Unsupported, $"cannot be called {WeightFileException.Quote(name)}: another value of the graph has that name; choose another one", tensor: old);
            }
        }
        if (names.Count > 0)
        {
            GraphNames.Rename(_model, names);
        }
    }
}
