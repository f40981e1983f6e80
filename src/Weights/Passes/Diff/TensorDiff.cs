namespace Weights.Passes.Diff;

/// <summary>What has become of a tensor.</summary>
public enum TensorChange
{
    /// <summary>The same bytes, type and shape under the same name.</summary>
    Identical,

    /// <summary>Other numbers, but as near as was asked for.</summary>
    WithinTolerance,

    /// <summary>Another type, and the numbers that a cast gives.</summary>
    Recast,

    /// <summary>Other numbers.</summary>
    Changed,

    /// <summary>Another type, and other numbers than a cast gives.</summary>
    TypeChanged,

    /// <summary>Another shape, the same elements in the same order.</summary>
    Reshaped,

    /// <summary>Another shape, and not the same elements.</summary>
    ShapeChanged,

    /// <summary>The same elements with its axes, or its rows or columns, in another order.</summary>
    Permuted,

    /// <summary>The same content under another name.</summary>
    Renamed,

    /// <summary>In several parts now, row after row.</summary>
    Split,

    /// <summary>One of the parts, row after row, of what is one tensor now.</summary>
    Fused,

    /// <summary>Only in the first checkpoint.</summary>
    OnlyInA,

    /// <summary>Only in the second checkpoint.</summary>
    OnlyInB,
}

/// <summary>A tensor of two checkpoints, or of one where the other has none.</summary>
/// <param name="Change">What has become of it.</param>
/// <param name="A">The tensors of the first; several where they were fused.</param>
/// <param name="B">The tensors of the second; several where it was split.</param>
public sealed record TensorDiff(TensorChange Change, IReadOnlyList<Tensor> A, IReadOnlyList<Tensor> B)
{
    /// <summary>What it is listed under: its name in the second checkpoint, or in the first where it is only there or was split.</summary>
    public string Name => Change == TensorChange.Split || B.Count == 0 ? A[0].Name : B[0].Name;

    /// <summary>How the second comes from the first, where that takes words: <c>transposed</c>, <c>rows permuted</c>.</summary>
    public string? Relation { get; init; }

    /// <summary>How far they are apart; null where that was not asked or means nothing.</summary>
    public DifferenceStatistics? Statistics { get; init; }

    /// <summary>Numerical rank of the difference of two matrices; null where it was not asked for or is full.</summary>
    public int? Rank { get; init; }
}

/// <summary>Names that share one tensor in one of two checkpoints and not in the other.</summary>
/// <param name="Name">The name.</param>
/// <param name="Of">The name that it shares with.</param>
/// <param name="IsTied">Whether they share in the second and not in the first.</param>
public sealed record TieDiff(string Name, string Of, bool IsTied);
