using System.Runtime.InteropServices;
using Weights.Formats.Onnx.Messages;
using Weights.IO;

namespace Weights.Formats.Onnx.Reading;

/// <summary>A tensor that was found in a model.</summary>
/// <param name="Name">A name that is no other's: that of an initializer of the main graph, else the way to it.</param>
/// <param name="Message">What the file says about it; null where an attribute holds the numbers themselves.</param>
/// <param name="IsInitializer">Whether it is an initializer of the main graph.</param>
internal sealed record FoundTensor(string Name, TensorProto? Message, bool IsInitializer)
{
    /// <summary>The numbers of an attribute.</summary>
    public Tensor? Literal { get; init; }
}

/// <summary>
/// Finds every tensor that a model carries. The way to one that is no initializer of the main graph has slashes: names of
/// nodes (of the value, for a <c>Constant</c>) and of the attribute that holds the tensor or an inner graph.
/// </summary>
internal sealed class TensorSearch
{
    private const string ConstantOperator = "Constant";

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _repeats = new(StringComparer.Ordinal);
    private readonly List<FoundTensor> _found = [];
    private readonly List<string> _hidden = [];
    private readonly List<string> _maps = [];

    /// <summary>All of them: initializers first, in the file's order.</summary>
    public IReadOnlyList<FoundTensor> Found => _found;

    /// <summary>Names of initializers that a later one has too, which is the one that counts.</summary>
    public IReadOnlyList<string> Hidden => _hidden;

    /// <summary>The ways to maps in a list, whose keys and values are not looked for.</summary>
    public IReadOnlyList<string> Maps => _maps;

    /// <summary>Goes through a model.</summary>
    public void Search(ModelProto model)
    {
        if (model.Graph is { } main)
        {
            Initializers(main);
            Nodes(main.Node, "");
        }
        foreach (FunctionProto function in model.Functions)
        {
            string name = string.IsNullOrEmpty(function.Domain) ? function.Name : $"{function.Domain}.{function.Name}";
            string prefix = $"functions/{name}{(string.IsNullOrEmpty(function.Overload) ? "" : $":{function.Overload}")}/";
            Attributes(function.AttributeProto, prefix + "default");
            Nodes(function.Node, prefix);
        }
        foreach ((int index, TrainingInfoProto training) in model.TrainingInfo.Index())
        {
            InnerGraph(training.Initialization, $"training_info/{index}/initialization/");
            InnerGraph(training.Algorithm, $"training_info/{index}/algorithm/");
        }
    }

    /// <summary>Takes the only tensor of a file.</summary>
    public void Search(TensorProto tensor) => Add(Named(tensor.Name, "tensor"), tensor, isInitializer: true);

    /// <summary>Goes through a list; names are the ways to its tensors: indexes with dots between them.</summary>
    public void Search(SequenceProto sequence, string prefix = "")
    {
        int index = 0;
        foreach (TensorProto tensor in sequence.TensorValues)
        {
            Add($"{prefix}{index++}", tensor, isInitializer: true);
        }
        foreach (SparseTensorProto sparse in sequence.SparseTensorValues)
        {
            Sparse(sparse, $"{prefix}{index++}", isInitializer: true);
        }
        foreach (SequenceProto inner in sequence.SequenceValues.Concat(sequence.OptionalValues))
        {
            Search(inner, $"{prefix}{index++}.");
        }
        _maps.AddRange(sequence.MapValues.Select(_ => $"{prefix}{index++}"));
    }

    private void Initializers(GraphProto graph)
    {
        Dictionary<string, TensorProto> last = new(StringComparer.Ordinal);
        foreach (TensorProto tensor in graph.Initializer)
        {
            last[tensor.Name] = tensor;
        }
        foreach (TensorProto tensor in graph.Initializer)
        {
            if (ReferenceEquals(last[tensor.Name], tensor))
            {
                Add(tensor.Name, tensor, isInitializer: true);
            }
            else
            {
                _hidden.Add(tensor.Name);
            }
        }
        foreach (SparseTensorProto sparse in graph.SparseInitializer)
        {
            Sparse(sparse, sparse.Values?.Name ?? "", isInitializer: true);
        }
    }

    private void InnerGraph(GraphProto? graph, string prefix)
    {
        if (graph is null)
        {
            return;
        }
        foreach (TensorProto tensor in graph.Initializer)
        {
            Add(prefix + tensor.Name, tensor);
        }
        foreach (SparseTensorProto sparse in graph.SparseInitializer)
        {
            Sparse(sparse, prefix + (sparse.Values?.Name ?? ""));
        }
        Nodes(graph.Node, prefix);
    }

    private void Nodes(IReadOnlyList<NodeProto> nodes, string prefix)
    {
        foreach ((int index, NodeProto node) in nodes.Index())
        {
            if (node.Attribute.Count == 0)
            {
                continue;
            }
            if (node.OpType == ConstantOperator && node.Output.Count > 0)
            {
                Constant(node, prefix + node.Output[0]);
            }
            else
            {
                Attributes(node.Attribute, $"{prefix}{Named(node.Name, $"{node.OpType}_{index}")}");
            }
        }
    }

    private void Constant(NodeProto node, string name)
    {
        foreach (AttributeProto attribute in node.Attribute)
        {
            switch (attribute.Name)
            {
                case "value" when attribute.T is not null:
                    Add(name, attribute.T);
                    break;
                case "sparse_value" when attribute.SparseTensor is not null:
                    Sparse(attribute.SparseTensor, name);
                    break;
                case "value_float":
                    Add(name, DType.F32, Shape.Scalar, MemoryMarshal.AsBytes<float>([attribute.F]));
                    break;
                case "value_floats":
                    Add(name, DType.F32, new Shape(attribute.Floats.Count), MemoryMarshal.AsBytes<float>([.. attribute.Floats]));
                    break;
                case "value_int":
                    Add(name, DType.I64, Shape.Scalar, MemoryMarshal.AsBytes<long>([attribute.I]));
                    break;
                case "value_ints":
                    Add(name, DType.I64, new Shape(attribute.Ints.Count), MemoryMarshal.AsBytes<long>([.. attribute.Ints]));
                    break;
                default:
                    Attribute(attribute, name);
                    break;
            }
        }
    }

    private void Attributes(IEnumerable<AttributeProto> attributes, string owner)
    {
        foreach (AttributeProto attribute in attributes)
        {
            Attribute(attribute, owner);
        }
    }

    private void Attribute(AttributeProto attribute, string owner)
    {
        string name = $"{owner}/{attribute.Name}";
        if (attribute.T is not null)
        {
            Add(name, attribute.T);
        }
        foreach ((int index, TensorProto tensor) in attribute.Tensors.Index())
        {
            Add($"{name}/{index}", tensor);
        }
        if (attribute.SparseTensor is not null)
        {
            Sparse(attribute.SparseTensor, name);
        }
        foreach ((int index, SparseTensorProto sparse) in attribute.SparseTensors.Index())
        {
            Sparse(sparse, $"{name}/{index}");
        }
        InnerGraph(attribute.G, name + "/");
        foreach ((int index, GraphProto graph) in attribute.Graphs.Index())
        {
            InnerGraph(graph, $"{name}/{index}/");
        }
    }

    // A sparse tensor is what it consists of; the shape of the whole is metadata.
    private void Sparse(SparseTensorProto sparse, string name, bool isInitializer = false)
    {
        if (sparse.Values is not null)
        {
            Add($"{name}.values", sparse.Values, isInitializer);
        }
        if (sparse.Indices is not null)
        {
            Add($"{name}.indices", sparse.Indices, isInitializer);
        }
    }

    private void Add(string name, TensorProto message, bool isInitializer = false) => _found.Add(new FoundTensor(Unique(name), message, isInitializer));

    private void Add(string name, DType dtype, Shape shape, ReadOnlySpan<byte> elements)
    {
        string unique = Unique(name);
        _found.Add(new FoundTensor(unique, null, false) { Literal = new Tensor(unique, dtype, shape, new MemoryBytes(elements.ToArray())) });
    }

    private string Unique(string name)
    {
        string unique = name;
        while (!_names.Add(unique))
        {
            // Counted for each name, so that many of one name cost no more than as many of different ones.
            int number = _repeats[name] = _repeats.GetValueOrDefault(name, 1) + 1;
            unique = $"{name}#{number}";
        }
        return unique;
    }

    private static string Named(string? name, string otherwise) => string.IsNullOrEmpty(name) ? otherwise : name;
}
