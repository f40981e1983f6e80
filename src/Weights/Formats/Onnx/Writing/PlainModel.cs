using Google.Protobuf;
using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.Messages;

namespace Weights.Formats.Onnx.Writing;

/// <summary>
/// A model that is nothing but tensors: each an initializer and an output of the same name, so that a runtime returns it. A name that is
/// only another one for a tensor is the output of an <c>Identity</c> node.
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
        foreach (Tensor tensor in checkpoint.Tensors.OrderBy(tensor => dropped.ContainsKey(tensor.Name)))
        {
            int type = ElementType.Of(tensor.DType).Code;
            graph.Output.Add(Value(tensor.Name, type, [.. tensor.Shape.Dimensions]));
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
        (long irVersion, long opset) = Versions(checkpoint.Tensors);
        ModelProto model = new() { IrVersion = irVersion, ProducerName = ByteString.CopyFromUtf8(Producer), Graph = graph, OpsetImport = { new OperatorSetIdProto { Domain = "", Version = opset } } };
        foreach ((string key, string value) in MetadataText.Entries(checkpoint.Metadata, ledger))
        {
            model.MetadataProps.Add(new PropertyProto { Key = key, Value = ByteString.CopyFromUtf8(value) });
        }
        return new ModelDraft(model, [], tensors);
    }

    /// <summary>Names that a model of ours has only as outputs of <c>Identity</c>, and the initializers that they stand for.</summary>
    public static IEnumerable<(string Name, string Of)> Aliases(ModelProto model) =>
        Is(model) ? model.Graph.Node.Select(static node => (node.Output[0], node.Input[0])) : [];

    /// <summary>Whether a model is one of these: it computes nothing, so that there is no graph to keep.</summary>
    public static bool Is(ModelProto model) =>
        model.ProducerName.ToStringUtf8() == Producer && model.Graph is { Name: Producer, Input.Count: 0, SparseInitializer.Count: 0 } graph && model.Functions.Count == 0 && model.TrainingInfo.Count == 0
        && graph.Node.All(static node => node is { OpType: IdentityOperator, Domain: "", Input.Count: 1, Output.Count: 1 });

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

    // The oldest version that knows every type that occurs, so that as many runtimes as can be take it.
    private static (long IrVersion, long Opset) Versions(IReadOnlyList<Tensor> tensors) =>
        tensors.Select(static tensor => ElementType.Of(tensor.DType).Code).DefaultIfEmpty().Max() switch
        {
            <= 16 => (8, 17),
            <= 20 => (9, 19),
            <= 22 => (10, 21),
            23 => (11, 23),
            24 => (12, 24),
            _ => (13, 25),
        };
}
