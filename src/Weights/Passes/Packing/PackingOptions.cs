using System.Numerics;
using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>How a weight is packed.</summary>
/// <param name="Scheme">What its numbers become.</param>
/// <param name="Scope">Which of them share a scale.</param>
public sealed record PackingChoice(PackedScheme Scheme, ScaleScope Scope)
{
    /// <summary>Whether integers have zero points.</summary>
    public bool IsAsymmetric { get; init; }

    /// <summary>How the scales of integers are found.</summary>
    public ScaleSearching Search { get; init; }

    /// <summary>For example <c>int4, groups of 128, zero points</c>.</summary>
    public override string ToString() => $"{Scheme}, {Scope}{(IsAsymmetric ? ", zero points" : "")}";
}

/// <summary>What is asked for.</summary>
public sealed record PackingOptions
{
    /// <summary>What numbers become.</summary>
    public required PackedScheme Scheme { get; init; }

    /// <summary>Which names, types and shapes of tensors hold them.</summary>
    public required PackedLayout Layout { get; init; }

    /// <summary>Which numbers share a scale; null for what is usual.</summary>
    public ScaleScope? Scope { get; init; }

    /// <summary>Whether integers have zero points.</summary>
    public bool IsAsymmetric { get; init; }

    /// <summary>How the scales of integers are found.</summary>
    public ScaleSearching Search { get; init; }

    /// <summary>Weights that are packed although their names are not those of usual ones; only they, where there are any.</summary>
    public IReadOnlyList<Glob> Include { get; init; } = [];

    /// <summary>Weights that stay as they are.</summary>
    public IReadOnlyList<Glob> Exclude { get; init; } = [];

    /// <summary>Other schemes for certain weights; the first that matches counts.</summary>
    public IReadOnlyList<SchemeOverride> Overrides { get; init; } = [];

    /// <summary>Weights that were packed before, by name.</summary>
    public IReadOnlyDictionary<string, PackedWeight> Before { get; init; } = new Dictionary<string, PackedWeight>(StringComparer.Ordinal);

    /// <summary>What is wrong with all this, in a sentence without its end; null where nothing is.</summary>
    public string? Problem
    {
        get
        {
            if (Overrides.FirstOrDefault(rule => !Layout.Schemes.Contains(rule.Scheme))?.Scheme is { } foreign)
            {
                return $"{Layout} does not hold {foreign}, but {string.Join(", ", Layout.Schemes)}";
            }
            if (!Layout.MixesSchemes && Overrides.FirstOrDefault(rule => rule.Scheme != Scheme)?.Scheme is { } other)
            {
                return $"{Layout} has one scheme for all weights of a file, not {Scheme} and {other}; leave one of them out";
            }
            return !Layout.Schemes.Contains(Scheme) ? $"{Layout} does not hold {Scheme}, but {string.Join(", ", Layout.Schemes)}"
                : IsAsymmetric && !Scheme.IsInteger ? $"{Scheme} has no zero points; only integers have"
                : Search != ScaleSearching.Absmax && !Scheme.IsInteger ? $"the scales of {Scheme} are not searched; only those of integers are"
                : Layout.Problem(Choice(Scheme)) ?? Overrides.Select(rule => Layout.Problem(Choice(rule.Scheme))).FirstOrDefault(static problem => problem is not null);
        }
    }

    /// <summary>How a weight keeps codes and scales that it was packed as before, if it can: it then has zero points where it had any.</summary>
    /// <param name="scheme">What its numbers become.</param>
    /// <param name="known">How they come about.</param>
    /// <param name="use">How a graph uses it.</param>
    /// <returns>That, and the codes without zero points that say nothing; null where they would be others, or something else is asked for.</returns>
    internal (PackingChoice Choice, ScaledCodes Codes)? Keep(PackedScheme scheme, ScaledCodes known, WeightUse? use)
    {
        if (Search != ScaleSearching.Absmax || !Layout.Keeps(scheme, known))
        {
            return null;
        }
        ScaledCodes rows = Layout.IsTurned(use) ? known.Turned() : known;
        IEnumerable<ScaleScope> scopes = scheme == Scheme && Scope is { } asked ? [asked] : [ScopeOf(rows), ScaleScope.Channel, Layout.UsualScope(scheme), PartOf(rows)];
        ScaleScope[] same = [.. scopes.Where(scope => HaveOneScale(rows, scope, Layout.CutsGroups(use)))];
        if (same.Length == 0 || known.Simplified(scheme.Bits) is not { } simple)
        {
            return null;
        }
        PackingChoice? choice = same.Select(scope => new PackingChoice(scheme, scope) { IsAsymmetric = simple.ZeroPoints is not null }).FirstOrDefault(choice => Layout.Problem(choice) is null);
        return choice is null ? null : (choice, simple);
    }

    private static ScaleScope ScopeOf(ScaledCodes codes) =>
        codes.BlockColumns < codes.Columns ? codes.BlockRows > 1 ? ScaleScope.Block((int)Math.Min(codes.BlockRows, int.MaxValue), (int)Math.Min(codes.BlockColumns, int.MaxValue)) : ScaleScope.Group((int)Math.Min(codes.BlockColumns, int.MaxValue))
        : codes.GridRows > 1 ? ScaleScope.Channel
        : ScaleScope.Tensor;

    private static bool HaveOneScale(ScaledCodes codes, ScaleScope scope, bool mayCut) =>
        scope == ScaleScope.Tensor ? codes.HasOneScaleFor(codes.Rows, codes.Columns)
        : scope == ScaleScope.Channel ? codes.HasOneScaleFor(1, codes.Columns)
        : codes.HasOneScaleFor(scope.Rows, scope.Columns) && (scope.IsBlock || mayCut || codes.Columns % scope.Columns == 0);

    // The largest power of two that divides a row as well as what has a scale.
    private static ScaleScope PartOf(ScaledCodes codes)
    {
        long part = (long)BigInteger.GreatestCommonDivisor(codes.Columns, codes.BlockColumns);
        return ScaleScope.Group((int)Math.Min(part & -part, 1 << 20));
    }

    /// <summary>How a weight is packed if its numbers become those of a scheme; what was said about scopes and zero points is about the main scheme.</summary>
    public PackingChoice Choice(PackedScheme scheme)
    {
        ArgumentNullException.ThrowIfNull(scheme);
        bool isMain = scheme == Scheme;
        return new PackingChoice(scheme, (isMain ? Scope : null) ?? Layout.UsualScope(scheme)) { IsAsymmetric = IsAsymmetric && scheme.IsInteger, Search = scheme.IsInteger ? Search : default };
    }
}
