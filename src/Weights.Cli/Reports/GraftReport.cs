using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights graft</c> did or would do, for its reports.</summary>
/// <param name="Result">What went where.</param>
/// <param name="Model">The model as it was.</param>
/// <param name="Weights">Where the new values are from.</param>
/// <param name="Old">The weights that the model had, where they were given.</param>
/// <param name="Written">What was written.</param>
internal sealed record GraftReport(GraftResult Result, Checkpoint Model, Checkpoint Weights, Checkpoint? Old, Conversion Written)
{
    /// <summary>How many tensors found their values in a way.</summary>
    public int Count(GraftMethod by) => Result.Replaced.Count(grafted => grafted.By == by);

    /// <summary>What the schema and people call a way.</summary>
    public static string Name(GraftMethod by) => by switch
    {
        GraftMethod.Name => "name",
        GraftMethod.Map => "map",
        GraftMethod.Content => "content",
        GraftMethod.Tie => "tie",
        _ => throw new ArgumentOutOfRangeException(nameof(by), by, null),
    };
}
