using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.External;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Reading;

namespace Weights.Formats.Onnx.Writing;

/// <summary>
/// Gives a graph the nodes that its weights need now: those that make a weight of smaller numbers, or multiply by it, where an initializer was, and an initializer where those were.
/// What uses the weight stays as it is, but for the product itself.
/// </summary>
internal sealed class WeightNodes
{
    private const string ProductOperator = "MatMul";

    private readonly ModelProto _model;
    private readonly OnnxModel _original;
    private readonly Checkpoint _checkpoint;
    private readonly IReadOnlyDictionary<string, Tensor> _tensors;
    private readonly Ledger _ledger;
    private readonly HashSet<string> _taken;
    private readonly Dictionary<string, TensorProto> _initializers = new(StringComparer.Ordinal);
    private readonly Dictionary<TensorProto, List<TensorProto>> _following = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<TensorProto> _removed = new(ReferenceEqualityComparer.Instance);
    private readonly List<(DraftTensor, DType)> _drafts = [];
    private readonly List<NodeProto> _first = [];
    private readonly List<string> _ofRuntime = []; // Weights that only ONNX Runtime's own operator gives.
    private HashSet<string>? _inside; // Names that inner graphs use.

    private WeightNodes(ModelProto model, OnnxModel original, Checkpoint checkpoint, IReadOnlyDictionary<string, Tensor> tensors, Ledger ledger)
    {
        (_model, _original, _checkpoint, _tensors, _ledger) = (model, original, checkpoint, tensors, ledger);
        _taken = GraphNames.All(model.Graph);
        foreach (TensorProto message in model.Graph.Initializer)
        {
            _initializers[message.Name] = message;
        }
    }

    /// <summary>Changes a model.</summary>
    /// <param name="model">The model, as it was read.</param>
    /// <param name="original">What was read.</param>
    /// <param name="checkpoint">What is to be written.</param>
    /// <param name="tensors">Its tensors, by the names of the file that was read.</param>
    /// <param name="ledger">Is told what could not stay.</param>
    /// <returns>Tensors that the file that was read does not have, and the element types that the graph expects.</returns>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: the graph cannot take a weight in this form.</exception>
    public static IReadOnlyList<(DraftTensor Draft, DType Expected)> Change(ModelProto model, OnnxModel original, Checkpoint checkpoint, IReadOnlyDictionary<string, Tensor> tensors, Ledger ledger)
    {
        if (model.Graph is null)
        {
            return [];
        }
        WeightNodes nodes = new(model, original, checkpoint, tensors, ledger);
        nodes.Change();
        return nodes._drafts;
    }

    private void Change()
    {
        Dictionary<string, QuantizedValue> values = new(StringComparer.Ordinal);
        foreach (QuantizedValue value in _checkpoint.QuantizedValues)
        {
            values.Add(_checkpoint.OriginalName(value.Name), value.WithParts(_checkpoint.OriginalName)!);
        }
        List<QuantizedNodes> changed = [];
        foreach (QuantizedNodes known in QuantizedNodes.Find(_model, _original.Tensors))
        {
            QuantizedValue? now = values.GetValueOrDefault(known.Value.Name);
            if (now is not null && IsAsBefore(now, known.Value))
            {
                values.Remove(known.Value.Name);
            }
            else if (now is not null || _tensors.ContainsKey(known.Value.Name))
            {
                changed.Add(known);
            }
        }
        if (changed.Count + values.Count == 0)
        {
            return;
        }
        Unpack(changed);
        foreach (QuantizedNodes known in changed)
        {
            TensorProto numbers = _initializers[known.Value.Numbers];
            if (values.Remove(known.Value.Name, out QuantizedValue? value))
            {
                Pack(known.Value.Name, value, known.Value.Shape, known.Value.DType, numbers);
            }
            else
            {
                Tensor plain = _tensors[known.Value.Name];
                RequireShape(plain.Name, plain.Shape, known.Value.Shape);
                Add(known.Value.Name, plain, known.Value.DType, numbers);
            }
        }
        foreach ((string name, QuantizedValue value) in values)
        {
            if (!_initializers.TryGetValue(name, out TensorProto? message) || !_original.Tensors.TryGetValue(name, out Tensor? read) || _tensors.ContainsKey(name))
            {
                throw new WeightFileException(Fault.Unsupported, $"is made of {WeightFileException.Quote(value.Numbers)}, but the graph has no initializer of its name", tensor: value.Name);
            }
            Pack(name, value, read.Shape, read.DType, message);
            _removed.Add(message);
            if (_model.Graph.Input.FirstOrDefault(input => input.Name == name) is { } input)
            {
                _model.Graph.Input.Remove(input);
                _ledger.Add(LedgerKind.Restated, name, "is no longer an input of the graph, in place of which another value may be given, as a node gives it");
            }
        }
        Finish();
    }

    // Numbers of another type that the node does not take are cast to what it takes, as other tensors are.
    private bool IsAsBefore(QuantizedValue now, QuantizedValue before) => now.IsComputedAs(before)
        && now.Parts.All(part => _tensors[part].Shape == _original.Tensors[part].Shape)
        && (_tensors[now.Numbers].DType == _original.Tensors[now.Numbers].DType || !LinearNode.Takes(_tensors[now.Numbers].DType));

    // From now on the graph uses weights under their own names, and multiplies by them as such.
    private void Unpack(List<QuantizedNodes> changed)
    {
        GraphProto graph = _model.Graph;
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        HashSet<NodeProto> gone = new(ReferenceEqualityComparer.Instance);
        Dictionary<NodeProto, NodeProto> sums = new(ReferenceEqualityComparer.Instance);
        foreach (QuantizedNodes known in changed)
        {
            foreach (NodeProto node in known.Nodes)
            {
                if (known.Value.Kind == QuantizedValueKind.Linear)
                {
                    gone.Add(node);
                    if (node.Output[0] != known.Value.Name)
                    {
                        names.Add(node.Output[0], known.Value.Name);
                    }
                    continue;
                }
                string? bias = node.InputAt(5);
                Become(node, ProductOperator, "", [node.Input[0], known.Value.Name], []);
                AddSum(node, bias, sums);
            }
        }
        List<NodeProto> nodes = [];
        foreach (NodeProto node in graph.Node.Where(node => !gone.Contains(node)))
        {
            nodes.Add(node);
            if (sums.TryGetValue(node, out NodeProto? sum))
            {
                nodes.Add(sum);
            }
        }
        foreach (string output in graph.Output.Select(static value => value.Name).Where(names.ContainsKey))
        {
            nodes.Add(new NodeProto { OpType = "Identity", Input = { names[output] }, Output = { output } });
        }
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
        GraphNames.RenameUses(graph, names, withOutputs: false);
        _taken.UnionWith(changed.Select(static known => known.Value.Name));
    }

    private void Pack(string name, QuantizedValue value, Shape shape, DType dtype, TensorProto place)
    {
        if (value.Kind == QuantizedValueKind.Linear)
        {
            PackLinear(name, value, shape, dtype);
        }
        else
        {
            PackMatrix(name, value, shape, dtype);
        }
        foreach (string part in value.Parts)
        {
            AddPart(part, _tensors[part], place);
        }
    }

    private void PackLinear(string name, QuantizedValue value, Shape shape, DType dtype)
    {
        RequireShape(value.Name, value.Shape, shape);
        LinearNode linear = new(value, _tensors[value.Numbers], _tensors[value.Scales]);
        long opset = _model.OpsetImport.FirstOrDefault(static set => set.Domain is "" or "ai.onnx")?.Version ?? 0;
        string output = linear.DType == dtype ? name : Unused($"{name}.{ElementType.NameOf(ElementType.Of(linear.DType).Code)}");
        NodeProto node = linear.Create(output, static part => part);
        if (opset < linear.Opset)
        {
            if (!linear.IsOfRuntime)
            {
                throw new WeightFileException(
                    Fault.Unsupported,
                    $"cannot be made of {_tensors[value.Numbers].DType} with scales of {_tensors[value.Scales].DType}{(value.BlockSize > 0 ? " in blocks" : "")} by the operators of this graph (ai.onnx {opset}), but only by those of version {linear.Opset} and later; {(value.BlockSize > 0 ? "take a scale per channel" : "take 8-bit integers")}, or export the model again with these",
                    tensor: value.Name);
            }
            node.Domain = NodeExtensions.RuntimeDomain;
            _ofRuntime.Add(value.Name);
            Import(NodeExtensions.RuntimeDomain);
        }
        _first.Add(node);
        if (output != name)
        {
            _first.Add(new NodeProto { OpType = "Cast", Name = name, Input = { output }, Output = { name }, Attribute = { LinearNode.Integer("to", ElementType.Of(dtype).Code) } });
        }
    }

    private void PackMatrix(string name, QuantizedValue value, Shape shape, DType dtype)
    {
        GraphProto graph = _model.Graph;
        if (_tensors[value.Scales].DType != dtype)
        {
            throw new WeightFileException(Fault.Unsupported, $"has scales of {_tensors[value.Scales].DType}, but the graph multiplies it as {dtype}, and {QuantizedNodes.MatrixOperator} needs both to be of one type", tensor: value.Name);
        }
        if (graph.Output.Any(output => output.Name == name) || (_inside ??= GraphNames.UsedInside(graph)).Contains(name))
        {
            throw OtherUse(value, "by an inner graph, or is what the graph gives");
        }
        Dictionary<NodeProto, NodeProto> sums = new(ReferenceEqualityComparer.Instance);
        int products = 0;
        foreach (NodeProto node in graph.Node.Where(node => node.Input.Contains(name)))
        {
            WeightUse? use = node.Input.Count(input => input == name) == 1 ? WeightUses.Of(node, node.Input.IndexOf(name), shape.Rank) : null;
            if (use is null or { Factor: MatrixFactor.None })
            {
                throw OtherUse(value, $"by {node.OpType}{(node.Name.Length > 0 ? $" {WeightFileException.Quote(node.Name)}" : "")}");
            }
            RequireShape(value.Name, value.Shape, use.Factor == MatrixFactor.Plain ? shape : new Shape(shape[1], shape[0]));
            products++;
            string? bias = node.InputAt(2);
            string[] inputs = [node.Input[0], value.Numbers, value.Scales, value.ZeroPoints ?? "", value.Order ?? ""];
            Become(node, QuantizedNodes.MatrixOperator, NodeExtensions.RuntimeDomain, [.. inputs.AsSpan().TrimEnd("")],
                [LinearNode.Integer("K", value.Shape[0]), LinearNode.Integer("N", value.Shape[1]), LinearNode.Integer("bits", value.Bits), LinearNode.Integer("block_size", value.BlockSize)]);
            AddSum(node, bias, sums);
        }
        if (products == 0)
        {
            throw new WeightFileException(Fault.Unsupported, $"is not multiplied by anywhere in the graph, and {QuantizedNodes.MatrixOperator} is for products alone", tensor: value.Name);
        }
        Import(NodeExtensions.RuntimeDomain);
        if (sums.Count > 0)
        {
            NodeProto[] nodes = [.. graph.Node.SelectMany(node => sums.TryGetValue(node, out NodeProto? sum) ? (NodeProto[])[node, sum] : [node])];
            graph.Node.Clear();
            graph.Node.AddRange(nodes);
        }
    }

    private static WeightFileException OtherUse(QuantizedValue value, string by) => new(
        Fault.Unsupported,
        $"is used {by}, and {QuantizedNodes.MatrixOperator} is for matrices that are nothing but the second factor of products; leave this weight out, or choose another layout",
        tensor: value.Name);

    private static void Become(NodeProto node, string type, string domain, IEnumerable<string> inputs, IEnumerable<AttributeProto> attributes)
    {
        string[] names = [.. inputs];
        (node.OpType, node.Domain) = (type, domain);
        node.Input.Clear();
        node.Input.AddRange(names);
        node.Attribute.Clear();
        node.Attribute.AddRange(attributes);
    }

    // What the operator before had as an input becomes a sum after the product.
    private void AddSum(NodeProto product, string? bias, Dictionary<NodeProto, NodeProto> sums)
    {
        if (bias is not null)
        {
            string output = product.Output[0];
            product.Output[0] = Unused($"{output}.product");
            sums.Add(product, new NodeProto { OpType = "Add", Input = { product.Output[0], bias }, Output = { output } });
        }
    }

    private void AddPart(string name, Tensor tensor, TensorProto place)
    {
        if (!_initializers.TryGetValue(name, out TensorProto? there))
        {
            if (!_taken.Add(name))
            {
                throw new WeightFileException(Fault.Unsupported, "has a name that another value of the graph has; choose another one", tensor: tensor.Name);
            }
            Add(name, tensor, tensor.DType, place);
        }
        else if (_original.Tensors.TryGetValue(name, out Tensor? read) && (tensor.DType != read.DType || tensor.Shape != read.Shape) && !_drafts.Any(draft => ReferenceEquals(draft.Item1.Message, there)))
        {
            // Another tensor under a name that the file has.
            _removed.Add(there);
            _initializers.Remove(name);
            Add(name, tensor, tensor.DType, there);
        }
    }

    private void Add(string name, Tensor tensor, DType expected, TensorProto place)
    {
        TensorProto message = new() { Name = name, DataType = ElementType.Of(expected).Code };
        message.Dims.AddRange([.. tensor.Shape.Dimensions]);
        _initializers[name] = message;
        if (!_following.TryGetValue(place, out List<TensorProto>? following))
        {
            _following.Add(place, following = []);
        }
        following.Add(message);
        bool wasExternal = place.DataLocation == ExternalEntry.IsExternal;
        _drafts.Add((new DraftTensor(message, tensor) { WasExternal = wasExternal, WasUnchecked = wasExternal && ExternalEntry.Of(place).Checksum is null }, expected));
    }

    private void Finish()
    {
        if (_ofRuntime.Count > 0)
        {
            string others = _ofRuntime.Count > 1 ? $", one of {_ofRuntime.Count:N0}" : "";
            _ledger.Add(LedgerKind.Restated, _ofRuntime[0], $"is given by an operator of ONNX Runtime's own ({NodeExtensions.RuntimeDomain}), as the version of the graph's is too old for such numbers; other runtimes will not load the model{others}");
        }
        GraphProto graph = _model.Graph;
        List<TensorProto> initializers = [];
        foreach (TensorProto message in graph.Initializer)
        {
            Place(message, initializers);
        }
        graph.Initializer.Clear();
        graph.Initializer.AddRange(initializers);
        NodeProto[] nodes = [.. _first, .. graph.Node];
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
        // Before version 4 each initializer had to be an input, too.
        long version = _drafts.Select(static draft => ElementType.Of(draft.Item1.Tensor.DType).IrVersion).Append(4).Max();
        _model.IrVersion = Math.Max(_model.IrVersion, version);
        if (!IsUsed(NodeExtensions.RuntimeDomain) && _model.OpsetImport.FirstOrDefault(static set => set.Domain == NodeExtensions.RuntimeDomain) is { } set)
        {
            _model.OpsetImport.Remove(set);
        }
    }

    private void Place(TensorProto message, List<TensorProto> initializers)
    {
        if (!_removed.Contains(message))
        {
            initializers.Add(message);
        }
        foreach (TensorProto next in _following.GetValueOrDefault(message, []))
        {
            Place(next, initializers);
        }
    }

    private bool IsUsed(string domain) =>
        GraphNames.Nodes(_model).Any(node => node.Domain == domain) || _model.Functions.Any(function => function.Domain == domain);

    private void Import(string domain)
    {
        if (!_model.OpsetImport.Any(set => set.Domain == domain))
        {
            _model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        }
    }

    private string Unused(string name)
    {
        while (!_taken.Add(name))
        {
            name += "_";
        }
        return name;
    }

    private static void RequireShape(string tensor, Shape shape, Shape expected)
    {
        if (shape != expected)
        {
            throw new WeightFileException(Fault.Unsupported, $"has the shape {shape}, but the graph is made for {expected}", tensor: tensor);
        }
    }
}
