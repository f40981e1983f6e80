using Weights.Cli.Commands;
using Weights.Passes.Diff;

namespace Weights.Cli.Reports;

/// <summary>What <c>weights diff</c> found, for its reports.</summary>
/// <param name="Diff">The comparison.</param>
/// <param name="Request">What was asked for.</param>
internal sealed record DiffReport(CheckpointDiff Diff, DiffRequest Request)
{
    /// <summary>Tensors to report: all, or with <c>--only-changed</c> those that are not identical.</summary>
    public IEnumerable<TensorDiff> Tensors => Request.OnlyChanged ? Changed : Diff.Tensors;

    /// <summary>Tensors that are not identical.</summary>
    public IEnumerable<TensorDiff> Changed => Diff.Tensors.Where(static tensor => tensor.Change != TensorChange.Identical);

    /// <summary>Modules to report.</summary>
    public IReadOnlyList<ModuleChange> Modules { get; } = [.. Diff.Modules().Where(module => module.Different > 0 || !Request.OnlyChanged)];

    /// <summary>How many tensors something became of, for each that some did.</summary>
    public IReadOnlyList<(TensorChange Change, int Count)> Counts { get; } =
        [.. Diff.Tensors.GroupBy(static tensor => tensor.Change).Select(static group => (group.Key, group.Count())).OrderBy(static count => count.Key)];

    /// <summary>For example <c>different: 2 tensors changed, 1 renamed, 120 identical</c>.</summary>
    public string Verdict
    {
        get
        {
            if (Diff.Compared == 0)
            {
                string why = Diff.Tensors.Count == 0 ? "neither has a tensor" : $"no tensor of one has a counterpart in the other ({Parts()})";
                return $"different: nothing was compared, as {why}";
            }
            string hint = !Diff.IsSame && Diff.Tensors.All(tensor => tensor.Change == TensorChange.Recast || Diff.IsAccepted(tensor))
                ? Request.Tolerance.IsAny ? "; the casts are beyond the tolerance" : "; --atol or --rtol compares the numbers of different element types"
                : "";
            return $"{(Diff.IsSame ? "same" : "different")}: {Parts()}{hint}";
        }
    }

    /// <summary>What people call a change; for tensors with a rank or a relation of their own see <see cref="Relation"/>.</summary>
    public static string Words(TensorChange change) => Name(change).Replace('_', ' ').Replace(" in a", " in A").Replace(" in b", " in B");

    /// <summary>What the schema calls a change.</summary>
    public static string Name(TensorChange change) => change switch
    {
        TensorChange.Identical => "identical",
        TensorChange.WithinTolerance => "within_tolerance",
        TensorChange.Recast => "recast",
        TensorChange.Changed => "changed",
        TensorChange.TypeChanged => "type_changed",
        TensorChange.Reshaped => "reshaped",
        TensorChange.ShapeChanged => "shape_changed",
        TensorChange.Permuted => "permuted",
        TensorChange.Renamed => "renamed",
        TensorChange.Split => "split",
        TensorChange.Fused => "fused",
        TensorChange.OnlyInA => "only_in_a",
        TensorChange.OnlyInB => "only_in_b",
        _ => throw new ArgumentOutOfRangeException(nameof(change), change, null),
    };

    /// <summary>How the second comes from the first, where that takes words: <c>renamed from fc.weight, transposed</c>; names are as they are in the file.</summary>
    public static string? Relation(TensorDiff tensor)
    {
        string? words = tensor.Change switch
        {
            TensorChange.Renamed => $"renamed from {tensor.A[0].Name}",
            TensorChange.Split => $"split into {Names(tensor.B)}",
            TensorChange.Fused => $"fused from {Names(tensor.A)}",
            _ => null,
        };
        return words is null ? tensor.Relation : tensor.Relation is null ? words : $"{words}, {tensor.Relation}";
    }

    /// <summary>For example <c>lm_head.weight is no longer tied to embed.weight</c>.</summary>
    public static string Words(TieDiff tie) => tie.IsTied ? $"{tie.Name} is tied to {tie.Of} now" : $"{tie.Name} is no longer tied to {tie.Of}";

    /// <summary>For example <c>model.layers.10–11 changed (18 tensors), relative L2 up to 1.200e-03</c>.</summary>
    public static string Words(ModuleChange module)
    {
        string state = module.Changes.Count == 0 ? "identical" : string.Join(", ", module.Changes.Select(Words));
        string count = module.Different == module.Tensors || module.Different == 0 ? Quantity.Of(module.Tensors, "tensor") : $"{module.Different:N0} of {Quantity.Of(module.Tensors, "tensor")}";
        string size = module.RelativeL2 is { } relative ? $", relative L2 {(module.Different > 1 ? "up to " : "")}{Quantity.Real(relative)}" : "";
        return $"{state} ({count}){size}";
    }

    /// <summary>The element type, or both.</summary>
    public static string DType(TensorDiff tensor) => Both(tensor, static side => side.DType.Name);

    /// <summary>The shape, or both.</summary>
    public static string Shape(TensorDiff tensor) => Both(tensor, static side => side.Shape.ToString());

    private static string Both(TensorDiff tensor, Func<Tensor, string> text)
    {
        string left = string.Join(" + ", tensor.A.Select(text).Distinct().Take(3));
        string right = string.Join(" + ", tensor.B.Select(text).Distinct().Take(3));
        return left.Length == 0 ? right : right.Length == 0 || left == right ? left : $"{left} → {right}";
    }

    private static string Names(IReadOnlyList<Tensor> tensors)
    {
        const int most = 8;
        string names = string.Join(", ", tensors.Take(most).Select(static tensor => tensor.Name));
        return tensors.Count > most ? $"{names} and {tensors.Count - most:N0} more" : names;
    }

    // What is not identical first; the noun stands once.
    private string Parts() => string.Join(", ", Counts.Where(static count => count.Change != TensorChange.Identical)
        .Concat(Counts.Where(static count => count.Change == TensorChange.Identical))
        .Select(static (count, index) => $"{(index == 0 ? Quantity.Of(count.Count, "tensor") : $"{count.Count:N0}")} {Words(count.Change)}"));
}
