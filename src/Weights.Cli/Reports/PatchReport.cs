using Weights.Passes.Patch;

namespace Weights.Cli.Reports;

/// <summary>A patch that was made or applied, for its reports.</summary>
internal sealed record PatchReport
{
    /// <summary>Path of the patch.</summary>
    public required string Path { get; init; }

    /// <summary>Its length.</summary>
    public required long PatchBytes { get; init; }

    /// <summary>Id of the base.</summary>
    public required string BaseId { get; init; }

    /// <summary>Id of what it makes.</summary>
    public required string TargetId { get; init; }

    /// <summary>What it makes.</summary>
    public required IReadOnlyList<PatchTensor> Tensors { get; init; }

    /// <summary>The base.</summary>
    public Origin Base { get; init; } = null!;

    /// <summary>What it was made for; null where it was applied.</summary>
    public Origin? Target { get; init; }

    /// <summary>What was written or would be.</summary>
    public Conversion Written { get; init; } = null!;

    /// <summary>What a patch itself says.</summary>
    public static PatchReport Of(PatchFile patch) => new()
    {
        Path = patch.Path,
        PatchBytes = patch.FileBytes,
        BaseId = patch.BaseId,
        TargetId = patch.TargetId,
        Tensors = patch.Tensors,
    };

    /// <summary>What the schema calls a method.</summary>
    public static string Name(PatchMethod method) => method switch
    {
        PatchMethod.Base => "same",
        PatchMethod.Delta => "delta",
        PatchMethod.Stored => "stored",
        PatchMethod.Earlier => "repeated",
        _ => throw new ArgumentOutOfRangeException(nameof(method), method, null),
    };
}
