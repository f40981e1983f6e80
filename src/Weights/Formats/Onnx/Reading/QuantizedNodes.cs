using System.Text.RegularExpressions;
using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Writing;

namespace Weights.Formats.Onnx.Reading;

/// <summary>
/// The nodes by which a graph makes a weight of smaller numbers, or multiplies by it: <c>DequantizeLinear</c> of initializers
/// (https://github.com/onnx/onnx/blob/main/docs/Operators.md#DequantizeLinear), and <c>MatMulNBits</c>
/// (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits).
/// </summary>
/// <param name="Value">The weight.</param>
/// <param name="Nodes">The nodes; several that do the same are one weight's.</param>
internal sealed partial record QuantizedNodes(QuantizedValue Value, IReadOnlyList<NodeProto> Nodes)
{
    /// <summary>The operator that gives the weight.</summary>
    public const string LinearOperator = "DequantizeLinear";

    /// <summary>The operator that multiplies by it.</summary>
    public const string MatrixOperator = "MatMulNBits";

    private const int DefaultAxis = 1;
    private const string NameOfOthers = ".dequantized";

    /// <summary>Those of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tensors">Every tensor that was read from it.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: a node says of a matrix that it has a size which none can have.</exception>
    public static IReadOnlyList<QuantizedNodes> Find(ModelProto model, IReadOnlyDictionary<string, Tensor> tensors)
    {
        GraphProto graph = model.Graph ?? new GraphProto();
        Dictionary<string, Tensor> initializers = new(StringComparer.Ordinal);
        foreach (string name in graph.Initializer.Select(static tensor => tensor.Name))
        {
            if (tensors.TryGetValue(name, out Tensor? tensor))
            {
                initializers[name] = tensor;
            }
        }
        return Find(graph, initializers, tensors.ContainsKey);
    }

    // In the graph's order; inner graphs are not looked at.
    private static List<QuantizedNodes> Find(GraphProto graph, IReadOnlyDictionary<string, Tensor> initializers, Func<string, bool> isTaken)
    {
        List<(QuantizedValue Value, NodeProto Node)> found = [];
        foreach (NodeProto node in graph.Node)
        {
            if (ValueOf(node, initializers) is { } value)
            {
                found.Add((value, node));
            }
        }
        if (found.Count == 0)
        {
            return [];
        }
        HashSet<string> names = GraphNames.All(graph);
        HashSet<string> shared = UsedOtherwise(graph, found.Select(static one => one.Node));
        List<QuantizedNodes> all = [];
        foreach (IGrouping<object, (QuantizedValue Value, NodeProto Node)> group in found.GroupBy(static one => Key(one.Value)))
        {
            QuantizedValue value = group.First().Value;
            string name = Name(value, name => !names.Contains(name) && !isTaken(name));
            names.Add(name);
            all.Add(new QuantizedNodes(value with { Name = name, Shared = [.. value.Parts.Where(shared.Contains).Distinct()] }, [.. group.Select(static one => one.Node)]));
        }
        return all;
    }

    // Two that differ in nothing are one weight's. Its name is that of the first output, or of the numbers, until it has one of its own.
    private static object Key(QuantizedValue value) => (value.Kind, value.Numbers, value.Scales, value.ZeroPoints, value.Order, value.Axis, value.BlockSize, value.Bits, value.Shape, value.DType);

    private static QuantizedValue? ValueOf(NodeProto node, IReadOnlyDictionary<string, Tensor> initializers) => node.OpType switch
    {
        LinearOperator when node.IsStandard() || node.Domain == NodeExtensions.RuntimeDomain => Linear(node, initializers),
        MatrixOperator when node.Domain == NodeExtensions.RuntimeDomain => Matrix(node, initializers),
        _ => null,
    };

    private static QuantizedValue? Linear(NodeProto node, IReadOnlyDictionary<string, Tensor> initializers)
    {
        if (node.Output is not [{ Length: > 0 } output] || !Are(node, initializers, 0, 1) || (node.InputAt(2) is not null && !Are(node, initializers, 2)))
        {
            return null;
        }
        (Tensor numbers, Tensor scales) = (initializers[node.Input[0]], initializers[node.Input[1]]);
        DType dtype = node.Integer("output_dtype") is > 0 and <= int.MaxValue and { } code && ElementType.Find((int)code)?.DType is { } given ? given : scales.DType;
        bool isOne = scales.Shape.ElementCount == 1 && scales.Shape.Rank <= 1;
        return new QuantizedValue
        {
            Name = output,
            Kind = QuantizedValueKind.Linear,
            Numbers = numbers.Name,
            Scales = scales.Name,
            ZeroPoints = node.InputAt(2),
            Shape = numbers.Shape,
            DType = dtype,
            Axis = isOne ? 0 : node.Integer("axis") ?? DefaultAxis,
            BlockSize = isOne ? 0 : node.Integer("block_size") ?? 0,
        };
    }

    private static QuantizedValue? Matrix(NodeProto node, IReadOnlyDictionary<string, Tensor> initializers)
    {
        if (!Are(node, initializers, 1, 2) || !((int[])[3, 4]).All(index => node.InputAt(index) is null || Are(node, initializers, index)))
        {
            return null;
        }
        (Tensor numbers, Tensor scales) = (initializers[node.Input[1]], initializers[node.Input[2]]);
        (long? rows, long? columns) = (node.Integer("K"), node.Integer("N"));
        if (rows is not > 0 || columns is not > 0 || !Shape.TryCreate([rows.Value, columns.Value], out Shape shape) || shape.ElementCount > long.MaxValue / 64)
        {
            throw new WeightFileException(Fault.Corrupt, $"is multiplied by in a node ({MatrixOperator}) whose K is {rows?.ToString() ?? "not there"} and N {columns?.ToString() ?? "not there"}, which is no size of a matrix", tensor: numbers.Name);
        }
        return new QuantizedValue
        {
            Name = numbers.Name,
            Kind = QuantizedValueKind.BlockMatrix,
            Numbers = numbers.Name,
            Scales = scales.Name,
            ZeroPoints = node.InputAt(3),
            Order = node.InputAt(4),
            Shape = shape,
            DType = scales.DType,
            BlockSize = node.Integer("block_size") ?? 0,
            Bits = node.Integer("bits") ?? 4,
        };
    }

    private static bool Are(NodeProto node, IReadOnlyDictionary<string, Tensor> initializers, params ReadOnlySpan<int> inputs)
    {
        foreach (int input in inputs)
        {
            if (node.InputAt(input) is not { } name || !initializers.ContainsKey(name))
            {
                return false;
            }
        }
        return true;
    }

    // Names that something but these nodes uses, or that they use in another way.
    private static HashSet<string> UsedOtherwise(GraphProto graph, IEnumerable<NodeProto> nodes)
    {
        HashSet<NodeProto> quantized = new(nodes, ReferenceEqualityComparer.Instance);
        HashSet<string> used = GraphNames.UsedInside(graph);
        used.UnionWith(graph.Output.Select(static value => value.Name));
        foreach (NodeProto node in graph.Node)
        {
            used.UnionWith(!quantized.Contains(node) ? node.Input : node.OpType == MatrixOperator ? node.Input.Where(static (_, index) => index is 0 or > 4) : []);
        }
        return used;
    }

    // Without what ONNX Runtime and others put after the name of a weight, where that is nobody else's. The output of a node has a name of its own; the numbers' is not the weight's.
    private static string Name(QuantizedValue value, Func<string, bool> isFree)
    {
        bool isOutput = value.Kind == QuantizedValueKind.Linear;
        string plain = (isOutput ? LinearSuffix() : MatrixSuffix()).Replace(value.Name, "");
        if (plain.Length > 0 && plain != value.Name && isFree(plain))
        {
            return plain;
        }
        string name = isOutput ? value.Name : value.Name + NameOfOthers;
        while (!isOutput && !isFree(name))
        {
            name += "_";
        }
        return name;
    }

    [GeneratedRegex(@"_(DequantizeLinear(_Output)?|(DQ_)?Q[0-9]{1,2}(G[0-9]+)?_output|dequantized|dequant)\z", RegexOptions.CultureInvariant)]
    private static partial Regex LinearSuffix();

    [GeneratedRegex(@"((_DQ)?_Q[0-9]{1,2}(G[0-9]+)?|_quant(ized)?|_qweight)\z", RegexOptions.CultureInvariant)]
    private static partial Regex MatrixSuffix();
}
