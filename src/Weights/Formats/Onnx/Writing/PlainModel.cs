using Google.Protobuf;
using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Reading;

namespace Weights.Formats.Onnx.Writing;

/// <summary>
/// A model that is nothing but tensors: each an initializer and an output of the same name, so that a runtime returns it. A name that is
/// only another one for a tensor is the output of an <c>Identity</c> node, and a weight in smaller numbers that of <c>DequantizeLinear</c>.
/// </summary>
internal static class PlainModel
{
    /// <summary>Name of the program and of the graph: by these our own models are known.</summary>
    public const string Producer = "weights";

    private const string IdentityOperator = "Identity";

    /// <summary>A model of the tensors.</summary>
    /// <param name="checkpoint">The tensors and their metadata.</param>
    /// <param name="dropped">Names that are not written, and those that they stand for.</param>
    /// <param name="ledger">Is told which text could not be kept as it is.</param>
    public static ModelDraft Draft(Checkpoint checkpoint, IReadOnlyDictionary<string, string> dropped, Ledger ledger)
    {
        GraphProto graph = new() { Name = Producer };
        List<DraftTensor> tensors = [];
        // Aliases last, as they are read again.
        HashSet<string> parts = [.. checkpoint.QuantizedValues.SelectMany(static value => value.Parts)];
        foreach (Tensor tensor in checkpoint.Tensors.OrderBy(tensor => dropped.ContainsKey(tensor.Name)))
        {
            int type = ElementType.Of(tensor.DType).Code;
            if (!parts.Contains(tensor.Name))
            {
                graph.Output.Add(Value(tensor.Name, type, [.. tensor.Shape.Dimensions]));
            }
            if (dropped.TryGetValue(tensor.Name, out string? kept))
            {
                graph.Node.Add(new NodeProto { OpType = IdentityOperator, Input = { kept }, Output = { tensor.Name } });
                continue;
            }
            TensorProto message = new() { Name = tensor.Name, DataType = type };
            message.Dims.AddRange([.. tensor.Shape.Dimensions]);
            graph.Initializer.Add(message);
            tensors.Add(new DraftTensor(message, tensor));
        }
        LinearNode[] nodes = [.. checkpoint.QuantizedValues.Select(value => Add(value, checkpoint, dropped, graph))];
        (long irVersion, long opset) = Versions(checkpoint.Tensors, nodes);
        ModelProto model = new() { IrVersion = irVersion, ProducerName = ByteString.CopyFromUtf8(Producer), Graph = graph, OpsetImport = { new OperatorSetIdProto { Domain = "", Version = opset } } };
        foreach ((string key, string value) in MetadataText.Entries(checkpoint.Metadata, ledger))
        {
            model.MetadataProps.Add(new PropertyProto { Key = key, Value = ByteString.CopyFromUtf8(value) });
        }
        return new ModelDraft(model, [], tensors);
    }

    /// <summary>Names that a model of ours has only as outputs of <c>Identity</c>, and the initializers that they stand for.</summary>
    public static IEnumerable<(string Name, string Of)> Aliases(ModelProto model) =>
        Is(model) ? model.Graph.Node.Where(static node => node.OpType == IdentityOperator).Select(static node => (node.Output[0], node.Input[0])) : [];

    /// <summary>Whether a model is one of these: it computes nothing, so that there is no graph to keep.</summary>
    public static bool Is(ModelProto model) =>
        model.ProducerName.ToStringUtf8() == Producer && model.Graph is { Name: Producer, Input.Count: 0, SparseInitializer.Count: 0 } graph && model.Functions.Count == 0 && model.TrainingInfo.Count == 0
        && IsOfWeights(graph);

    /// <summary>An input or output.</summary>
    public static ValueInfoProto Value(string name, int type, IEnumerable<long> dimensions)
    {
        TensorShapeProto shape = new();
        foreach (long dimension in dimensions)
        {
            shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = dimension });
        }
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.TensorType { ElemType = type, Shape = shape } } };
    }

    private static bool IsOfWeights(GraphProto graph)
    {
        HashSet<string> initializers = [.. graph.Initializer.Select(static tensor => tensor.Name)];
        return graph.Node.All(node => node is { Output.Count: 1 } && node.IsStandard() && (node is { OpType: IdentityOperator, Input.Count: 1 } || (node is { OpType: QuantizedNodes.LinearOperator } && node.Input.All(initializers.Contains))));
    }

    // A weight in smaller numbers is what a node makes of them; they themselves are no outputs.
    private static LinearNode Add(QuantizedValue value, Checkpoint checkpoint, IReadOnlyDictionary<string, string> dropped, GraphProto graph)
    {
        if (value.Kind != QuantizedValueKind.Linear)
        {
            throw new WeightFileException(Fault.Unsupported, $"is in the layout of {QuantizedNodes.MatrixOperator}, which is for the products of a graph, and there is none to be written; 'weights dequantize' makes a plain weight of it", tensor: value.Name);
        }
        LinearNode node = new(value, checkpoint.Find(value.Numbers)!, checkpoint.Find(value.Scales)!);
        graph.Node.Add(node.Create(value.Name, part => dropped.GetValueOrDefault(part, part)));
        graph.Output.Add(Value(value.Name, ElementType.Of(node.DType).Code, [.. value.Shape.Dimensions]));
        return node;
    }

    // The oldest versions that know every type that occurs and have every node, so that as many runtimes as can be take it.
    private static (long IrVersion, long Opset) Versions(IReadOnlyList<Tensor> tensors, IReadOnlyList<LinearNode> nodes)
    {
        long opset = tensors.Select(static tensor => ElementType.Of(tensor.DType).CastOpset).Concat(nodes.Select(static node => node.Opset)).Append(17).Max();
        long irVersion = opset switch
        {
            <= 17 => 8,
            <= 20 => 9,
            <= 22 => 10,
            23 => 11,
            24 => 12,
            _ => 13,
        };
        return (irVersion, opset);
    }
}
