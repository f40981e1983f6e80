using Google.Protobuf.Collections;
using Weights.Formats.Onnx.Messages;

namespace Weights.Formats.Onnx.Writing;

/// <summary>Values of a graph have names; this gives them others, wherever they are mentioned.</summary>
internal static class GraphNames
{
    /// <summary>Renames values of the main graph: where they are defined and where they are used, inner graphs and training included.</summary>
    /// <param name="model">The model.</param>
    /// <param name="names">From old names to new ones.</param>
    public static void Rename(ModelProto model, IReadOnlyDictionary<string, string> names)
    {
        GraphProto graph = model.Graph;
        foreach (TensorProto tensor in graph.Initializer.Concat(graph.SparseInitializer.Select(static sparse => sparse.Values).OfType<TensorProto>()))
        {
            tensor.Name = names.GetValueOrDefault(tensor.Name, tensor.Name);
        }
        RenameValues(graph.Input, names);
        RenameUses(graph, names);
        foreach (TrainingInfoProto training in model.TrainingInfo)
        {
            // The graphs of training see the main graph's values; bindings are from one of those to a value of theirs.
            RenameInner(training.Initialization, names);
            RenameInner(training.Algorithm, names);
            foreach (StringStringEntryProto binding in training.InitializationBinding.Concat(training.UpdateBinding))
            {
                binding.Key = names.GetValueOrDefault(binding.Key, binding.Key);
            }
        }
    }

    /// <summary>Has what uses a value use another one: nodes, inner graphs, annotations, but not the graph's outputs.</summary>
    public static void RenameUses(GraphProto graph, IReadOnlyDictionary<string, string> names, bool withOutputs = true)
    {
        RenameNodes(graph.Node, names);
        RenameValues(graph.ValueInfo, names);
        if (withOutputs)
        {
            RenameValues(graph.Output, names);
        }
        foreach (TensorAnnotation annotation in graph.QuantizationAnnotation)
        {
            annotation.TensorName = names.GetValueOrDefault(annotation.TensorName, annotation.TensorName);
            foreach (StringStringEntryProto parameter in annotation.QuantParameterTensorNames)
            {
                parameter.Value = names.GetValueOrDefault(parameter.Value, parameter.Value);
            }
        }
    }

    /// <summary>Every name of a value, in the graph and in those within it.</summary>
    public static HashSet<string> All(GraphProto graph)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        Collect(graph, names);
        return names;
    }

    /// <summary>Every name that something uses: nodes, here and in inner graphs, and outputs.</summary>
    public static HashSet<string> Used(GraphProto graph)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        CollectUses(graph, names);
        return names;
    }

    /// <summary>Every name that something in an inner graph uses.</summary>
    public static HashSet<string> UsedInside(GraphProto graph)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (NodeProto node in graph.Node)
        {
            foreach (GraphProto inner in Inner(node))
            {
                CollectUses(inner, names);
            }
        }
        return names;
    }

    /// <summary>Every node: of the main graph, of inner ones, of functions and of training.</summary>
    public static IEnumerable<NodeProto> Nodes(ModelProto model) => Nodes(
    [
        .. model.Graph?.Node ?? [],
        .. model.Functions.SelectMany(static function => function.Node),
        .. model.TrainingInfo.SelectMany(static training => new[] { training.Initialization, training.Algorithm }.OfType<GraphProto>()).SelectMany(static graph => graph.Node),
    ]);

    /// <summary>The graphs within a node.</summary>
    public static IEnumerable<GraphProto> Inner(NodeProto node) =>
        node.Attribute.SelectMany(static attribute => attribute.G is null ? attribute.Graphs : attribute.Graphs.Append(attribute.G));

    private static IEnumerable<NodeProto> Nodes(IEnumerable<NodeProto> nodes) => nodes.SelectMany(static node => Nodes(Inner(node).SelectMany(static graph => graph.Node)).Prepend(node));

    private static void RenameInner(GraphProto? graph, IReadOnlyDictionary<string, string> names)
    {
        if (graph is null)
        {
            return;
        }
        HashSet<string> own = new(StringComparer.Ordinal);
        CollectDefined(graph, own);
        // A name that the inner graph gives to a value of its own is not the outer one's.
        Dictionary<string, string> visible = names.Where(pair => !own.Contains(pair.Key)).ToDictionary(StringComparer.Ordinal);
        if (visible.Count > 0)
        {
            RenameUses(graph, visible);
        }
    }

    private static void RenameNodes(RepeatedField<NodeProto> nodes, IReadOnlyDictionary<string, string> names)
    {
        foreach (NodeProto node in nodes)
        {
            for (int index = 0; index < node.Input.Count; index++)
            {
                if (names.TryGetValue(node.Input[index], out string? name))
                {
                    node.Input[index] = name;
                }
            }
            foreach (ShardingSpecProto sharding in node.DeviceConfigurations.SelectMany(static configuration => configuration.ShardingSpec))
            {
                sharding.TensorName = names.GetValueOrDefault(sharding.TensorName, sharding.TensorName);
            }
            foreach (GraphProto inner in Inner(node))
            {
                RenameInner(inner, names);
            }
        }
    }

    private static void RenameValues(RepeatedField<ValueInfoProto> values, IReadOnlyDictionary<string, string> names)
    {
        foreach (ValueInfoProto value in values)
        {
            value.Name = names.GetValueOrDefault(value.Name, value.Name);
        }
    }

    private static void Collect(GraphProto graph, HashSet<string> names)
    {
        CollectDefined(graph, names);
        foreach (NodeProto node in graph.Node)
        {
            names.UnionWith(node.Input);
            foreach (GraphProto inner in Inner(node))
            {
                Collect(inner, names);
            }
        }
    }

    private static void CollectDefined(GraphProto graph, HashSet<string> names)
    {
        names.UnionWith(graph.Initializer.Select(static tensor => tensor.Name));
        names.UnionWith(graph.SparseInitializer.Select(static sparse => sparse.Values?.Name ?? ""));
        names.UnionWith(graph.Input.Select(static value => value.Name));
        names.UnionWith(graph.Node.SelectMany(static node => node.Output));
    }

    private static void CollectUses(GraphProto graph, HashSet<string> names)
    {
        names.UnionWith(graph.Output.Select(static value => value.Name));
        foreach (NodeProto node in graph.Node)
        {
            names.UnionWith(node.Input);
            foreach (GraphProto inner in Inner(node))
            {
                CollectUses(inner, names);
            }
        }
    }
}
