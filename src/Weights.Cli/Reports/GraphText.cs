using Weights.Cli.Terminal;

namespace Weights.Cli.Reports;

/// <summary>What a file says about its computation, for people.</summary>
internal static class GraphText
{
    /// <summary>Prints a field for each thing that is known.</summary>
    public static void Write(GraphSummary graph, Fields fields)
    {
        string inner = graph.InnerNodes > 0 ? $" and {graph.InnerNodes:N0} in inner graphs and functions" : "";
        string name = graph.Name.Length > 0 ? $"{graph.Name}: " : "";
        fields.Write("graph", Printable.Escape($"{name}{Quantity.Of(graph.Nodes, "node")}{inner}"));
        if (graph.Producer.Length > 0)
        {
            fields.Write("producer", Printable.Escape(graph.Producer + (graph.ModelVersion is { } version ? $", model version {version}" : "")));
        }
        if (graph.OperatorSets.Count > 0)
        {
            fields.Write("opsets", Printable.Escape(string.Join(", ", graph.OperatorSets.Select(static set => $"{set.Key} {set.Value}"))));
        }
        fields.Write("inputs", [.. graph.Inputs.Select(value => Line(value, fields))]);
        fields.Write("outputs", [.. graph.Outputs.Select(value => Line(value, fields))]);
        if (graph.Operators.Count > 0)
        {
            fields.Write("operators", Printable.Escape(string.Join(", ", graph.Operators.Select(static entry => $"{entry.Key} {entry.Value:N0}"))));
        }
    }

    private static string Line(GraphValue value, Fields fields)
    {
        string line = Printable.Escape($"{value.Name}  {value.Type}{(value.Dimensions is { } dimensions ? $" [{string.Join(", ", dimensions)}]" : "")}");
        return fields.ListWidth is { } width ? CellWidth.ShortenEnd(line, width) : line;
    }
}
