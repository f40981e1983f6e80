namespace Weights.Passes;

/// <summary>How a tensor of the model found its new values.</summary>
public enum GraftMethod
{
    /// <summary>By its name.</summary>
    Name,

    /// <summary>By a line of the map.</summary>
    Map,

    /// <summary>By the old tensor whose content it has.</summary>
    Content,

    /// <summary>It is the same tensor as another of the model, and stays that.</summary>
    Tie,
}

/// <summary>A tensor of the model that gets new values.</summary>
/// <param name="Tensor">The tensor, with its old values.</param>
/// <param name="From">The one whose values it gets.</param>
/// <param name="By">How that was found.</param>
/// <param name="Relation">What is done to them on the way.</param>
public sealed record Grafted(Tensor Tensor, Tensor From, GraftMethod By, ContentRelation Relation);

/// <summary>A tensor of the model that keeps its values for want of others.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Reason">Why nothing was found for it.</param>
/// <param name="Candidates">Those of the old tensors whose content it has, where nothing tells which of them it is.</param>
public sealed record GraftKept(Tensor Tensor, string Reason, IReadOnlyList<Tensor> Candidates);

/// <summary>A model with other weights in it.</summary>
/// <param name="Checkpoint">The model: all its tensors under their names, types and shapes, and everything else it had.</param>
/// <param name="Replaced">Tensors with new values, in the model's order.</param>
/// <param name="Kept">Tensors without, but for those that were not to have any.</param>
/// <param name="Unused">Those of the weights that went nowhere.</param>
public sealed record GraftResult(Checkpoint Checkpoint, IReadOnlyList<Grafted> Replaced, IReadOnlyList<GraftKept> Kept, IReadOnlyList<Tensor> Unused);

/// <summary>How to find out which tensor goes where.</summary>
public sealed record GraftOptions
{
    /// <summary>What somebody wrote down; null for nothing.</summary>
    public GraftMap? Map { get; init; }

    /// <summary>The weights that the model has now, under the names that the new ones have; null where they are not known.</summary>
    public Checkpoint? Old { get; init; }

    /// <summary>Which of the model's tensors get new values, by name; null for all.</summary>
    public Func<string, bool>? IsReplaced { get; init; }

    /// <summary>Is told, from any thread, how many bytes more have been read to compare contents.</summary>
    public Action<long>? Read { get; init; }

    /// <summary>Ends the comparing early.</summary>
    public CancellationToken Cancellation { get; init; }
}
