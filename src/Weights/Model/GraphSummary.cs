namespace Weights;

/// <summary>An input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type, or what else it is, as the format calls it: <c>FLOAT</c>, <c>sequence of INT64</c>.</param>
/// <param name="Dimensions">A number, a name or <c>?</c> for each dimension; null where the rank is not known.</param>
public sealed record GraphValue(string Name, string Type, IReadOnlyList<string>? Dimensions);

/// <summary>The part of a weight in the products that a graph has it in.</summary>
public enum MatrixFactor
{
    /// <summary>Not that of a matrix, or in other operations, too.</summary>
    None,

    /// <summary>A matrix that is the second factor, [in, out].</summary>
    Plain,

    /// <summary>A matrix whose transpose is the second factor: it is [out, in].</summary>
    Transposed,
}

/// <summary>How a graph uses a weight, where all of its nodes that do so agree.</summary>
/// <param name="OutputAxis">The axis of the weight along which what it gives differs: channels of what comes out, or rows of a table.</param>
/// <param name="Factor">Whether it is a matrix that the graph does nothing with but multiply by it.</param>
public sealed record WeightUse(int OutputAxis, MatrixFactor Factor);

/// <summary>What a file says about the computation that its tensors belong to.</summary>
public sealed record GraphSummary
{
    /// <summary>Its name.</summary>
    public string Name { get; init; } = "";

    /// <summary>The program that made it, and its version.</summary>
    public string Producer { get; init; } = "";

    /// <summary>Version of the format's intermediate representation; null where it is not given.</summary>
    public long? IrVersion { get; init; }

    /// <summary>Version that the file gives itself; null where it gives none.</summary>
    public long? ModelVersion { get; init; }

    /// <summary>Sets of operators that it uses, with their versions.</summary>
    public IReadOnlyList<KeyValuePair<string, long>> OperatorSets { get; init; } = [];

    /// <summary>What it takes, weights aside.</summary>
    public IReadOnlyList<GraphValue> Inputs { get; init; } = [];

    /// <summary>What it gives.</summary>
    public IReadOnlyList<GraphValue> Outputs { get; init; } = [];

    /// <summary>Operators of its nodes and how many nodes each has, the most frequent first.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> Operators { get; init; } = [];

    /// <summary>Nodes, those of inner graphs and functions not counted.</summary>
    public int Nodes { get; init; }

    /// <summary>Nodes of inner graphs and of functions.</summary>
    public int InnerNodes { get; init; }

    /// <summary>How tensors and quantised values are used that are nothing but weights of operators which have such, by name.</summary>
    public IReadOnlyDictionary<string, WeightUse> WeightUses { get; init; } = new Dictionary<string, WeightUse>();
}
