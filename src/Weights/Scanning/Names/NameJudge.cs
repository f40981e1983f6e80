using System.Collections.Frozen;

namespace Weights.Scanning.Names;

/// <summary>What a name is, by itself.</summary>
/// <param name="Verdict">What it is.</param>
/// <param name="Reason">Why, where the name alone does not say; else null.</param>
/// <param name="DependsOnCall">Whether it is only harmless with certain arguments.</param>
internal readonly record struct NameVerdict(Verdict Verdict, string? Reason = null, bool DependsOnCall = false);

/// <summary>Judges names: what is on a list of harmless ones, exactly, is harmless; the rest executes code or is unknown.</summary>
internal static class NameJudge
{
    private const int MostParts = 64;

    private static readonly FrozenDictionary<string, NameVerdict> s_known = Known();

    // First parts of everything that is on a list.
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_roots =
        s_known.Keys.Select(static name => name.Split('.')[0]).Concat(ExecutingNames.Roots).ToFrozenSet(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>What a name in a stream is. In a TorchScript archive, its own classes are known.</summary>
    public static NameVerdict Judge(string module, string name, bool isComputed, bool isTorchScript)
    {
        if (isComputed)
        {
            return new(Verdict.Executes, "the stream computes the name instead of stating it");
        }
        const string scriptClasses = "__torch__";
        return isTorchScript && (module == scriptClasses || module.StartsWith(scriptClasses + '.', StringComparison.Ordinal))
            ? new(Verdict.Tensors)
            : Judge(module, name);
    }

    /// <summary>What <paramref name="name"/>, an attribute of <paramref name="module"/> or dotted ones below it, is.</summary>
    public static NameVerdict Judge(string module, string name)
    {
        // A file may hold millions of names, no two the same: most begin like nothing on the lists.
        string? listed = s_roots.Contains(Root(module)) ? $"{module}.{name}" : null;
        if (listed is not null && s_known.TryGetValue(listed, out NameVerdict known))
        {
            return known;
        }
        // Every tail of a name is looked at, so that one of thousands of parts takes quadratic time.
        if (module.AsSpan().Count('.') + name.AsSpan().Count('.') >= MostParts)
        {
            return new(Verdict.Executes, $"is made of more than {MostParts} names one in the other, which no class is");
        }
        if (listed is not null && ExecutingNames.Contains(listed))
        {
            return new(Verdict.Executes);
        }
        if (IsPlain(name))
        {
            return new(Verdict.Unknown);
        }
        foreach (Range part in name.AsSpan().Split('.'))
        {
            if (IsDunder(name.AsSpan(part)))
            {
                return new(Verdict.Executes, $"reaches the inside of Python by {name[part]}");
            }
        }
        // Whatever leads there, os.system is os.system.
        foreach (Range part in name.AsSpan().Split('.'))
        {
            if (ExecutingNames.IsReached(name, part))
            {
                return new(Verdict.Executes, $"reaches {name[part.Start..]} by way of {module}");
            }
        }
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        return new(Verdict.Unknown, listed is not null && dot >= 0 && s_known.ContainsKey($"{module}.{name[..dot]}") ? "reaches into what is harmless only as a whole" : null);
    }

    private static ReadOnlySpan<char> Root(string module) => module.IndexOf('.', StringComparison.Ordinal) is >= 0 and int dot ? module.AsSpan(0, dot) : module;

    // One attribute, and none by which modules reach one another.
    private static bool IsPlain(string name) => !name.Contains('.', StringComparison.Ordinal) && !IsDunder(name) && !ExecutingNames.IsModuleReached(name);

    /// <summary>Whether a wildcard may accept an attribute of a module: not where a part of it is called as a module that executes code.</summary>
    public static bool TakesWildcards(string attribute) => !attribute.Contains('.', StringComparison.Ordinal)
        ? !ExecutingNames.IsModule(attribute)
        : attribute.AsSpan().Count('.') <= MostParts && !attribute.Split('.').Any(ExecutingNames.IsModule);

    /// <summary>Whether Python gives a name a meaning of its own.</summary>
    public static bool IsDunder(ReadOnlySpan<char> name) => name.Length > 4 && name.StartsWith("__") && name.EndsWith("__");

    private static FrozenDictionary<string, NameVerdict> Known()
    {
        Dictionary<string, NameVerdict> known = new(StringComparer.Ordinal);
        foreach (string name in DataNames.All.Concat(TorchClasses.All))
        {
            known[name] = new(Verdict.Data);
        }
        foreach (string name in TensorNames.All)
        {
            known[name] = new(Verdict.Tensors);
        }
        foreach ((string name, Verdict verdict) in ConditionalNames.All)
        {
            known[name] = new(verdict, DependsOnCall: true);
        }
        return known.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
