using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Writing;

namespace Weights.Formats.Onnx.Reading;

/// <summary>How a graph uses its weights.</summary>
internal static class WeightUses
{
    private const int MatrixRank = 2;

    /// <summary>Of initializers of the main graph, and of weights that it makes of smaller numbers: those that all nodes use in one way, as weights.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tensors">Every tensor that was read from it.</param>
    /// <param name="quantized">Weights in smaller numbers.</param>
    public static Dictionary<string, WeightUse> Of(ModelProto model, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyList<QuantizedNodes> quantized)
    {
        GraphProto graph = model.Graph ?? new GraphProto();
        Dictionary<string, (string Name, int Rank)> weights = new(StringComparer.Ordinal);
        foreach (string name in graph.Initializer.Select(static tensor => tensor.Name))
        {
            if (tensors.TryGetValue(name, out Tensor? tensor) && tensor.DType.Kind == DTypeKind.Float)
            {
                weights[name] = (name, tensor.Shape.Rank);
            }
        }
        Dictionary<string, WeightUse?> uses = new(StringComparer.Ordinal);
        foreach (QuantizedNodes weight in quantized)
        {
            foreach (NodeProto node in weight.Nodes)
            {
                if (weight.Value.Kind == QuantizedValueKind.BlockMatrix)
                {
                    Add(uses, weight.Value.Name, new WeightUse(1, MatrixFactor.Plain));
                }
                else
                {
                    weights[node.Output[0]] = (weight.Value.Name, weight.Value.Shape.Rank);
                }
            }
        }
        foreach (NodeProto node in graph.Node)
        {
            foreach ((int index, string input) in node.Input.Index())
            {
                if (weights.TryGetValue(input, out (string Name, int Rank) weight))
                {
                    Add(uses, weight.Name, Of(node, index, weight.Rank));
                }
            }
        }
        if (weights.Count > 0)
        {
            foreach (string used in graph.Output.Select(static value => value.Name).Concat(GraphNames.UsedInside(graph)))
            {
                Forbid(uses, weights, used);
            }
        }
        return uses.Where(static use => use.Value is not null).ToDictionary(static use => use.Key, static use => use.Value!, StringComparer.Ordinal);
    }

    /// <summary>How a node uses one of its inputs: null where not as a weight.</summary>
    /// <param name="node">The node.</param>
    /// <param name="input">Which input.</param>
    /// <param name="rank">How many dimensions that has.</param>
    public static WeightUse? Of(NodeProto node, int input, int rank)
    {
        if (!node.IsStandard())
        {
            return null;
        }
        bool isTransposed = node.Integer("transB") is not null and not 0;
        return (node.OpType, input) switch
        {
            ("Conv", 1) when rank >= MatrixRank => new WeightUse(0, MatrixFactor.None),
            ("ConvTranspose", 1) when rank >= MatrixRank => new WeightUse(1, MatrixFactor.None),
            ("MatMul", 1) when rank >= MatrixRank => new WeightUse(rank - 1, rank == MatrixRank ? MatrixFactor.Plain : MatrixFactor.None),
            ("Gemm", 1) when rank == MatrixRank => new WeightUse(isTransposed ? 0 : 1, !IsPlainProduct(node) ? MatrixFactor.None : isTransposed ? MatrixFactor.Transposed : MatrixFactor.Plain),
            ("Gather", 0) when rank >= MatrixRank && (node.Integer("axis") ?? 0) is var axis && axis >= -rank && axis < rank => new WeightUse((int)(axis < 0 ? axis + rank : axis), MatrixFactor.None),
            _ => null,
        };
    }

    // A · B + C, or A · B' + C.
    private static bool IsPlainProduct(NodeProto gemm) => gemm.Number("alpha", 1) == 1 && gemm.Number("beta", 1) == 1 && gemm.Integer("transA") is null or 0;

    private static void Add(Dictionary<string, WeightUse?> uses, string name, WeightUse? use)
    {
        if (!uses.TryAdd(name, use) && uses[name] is { } before && before != use)
        {
            // Of the same channels, but not only a factor.
            uses[name] = use is not null && use.OutputAxis == before.OutputAxis ? new WeightUse(use.OutputAxis, MatrixFactor.None) : null;
        }
    }

    private static void Forbid(Dictionary<string, WeightUse?> uses, Dictionary<string, (string Name, int Rank)> weights, string used)
    {
        if (weights.TryGetValue(used, out (string Name, int Rank) weight))
        {
            uses[weight.Name] = null;
        }
    }
}
