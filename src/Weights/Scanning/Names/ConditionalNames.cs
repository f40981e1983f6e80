namespace Weights.Scanning.Names;

/// <summary>Names that are harmless when they are called as Python's own writers call them, and a way to anything otherwise.</summary>
internal static class ConditionalNames
{
    /// <summary>All of them, with what they are when they are called so.</summary>
    public static IEnumerable<KeyValuePair<string, Verdict>> All => s_rules.Select(static rule => KeyValuePair.Create(rule.Key, rule.Value.Verdict));

    private static readonly Dictionary<string, Rule> s_rules = new(StringComparer.Ordinal)
    {
        ["builtins.getattr"] = new(Condition.Attribute, Verdict.Data),
        ["__builtin__.getattr"] = new(Condition.Attribute, Verdict.Data),
        ["functools.partial"] = new(Condition.Partial, Verdict.Data),
        ["_functools.partial"] = new(Condition.Partial, Verdict.Data),
        ["torch.storage._load_from_bytes"] = new(Condition.NestedFile, Verdict.Tensors),
        ["_codecs.encode"] = new(Condition.Encoding, Verdict.Data),
        ["builtins.type"] = new(Condition.TypeOf, Verdict.Data),
        ["__builtin__.type"] = new(Condition.TypeOf, Verdict.Data),
        ["copyreg._reconstructor"] = new(Condition.NamedClass, Verdict.Data),
        ["copy_reg._reconstructor"] = new(Condition.NamedClass, Verdict.Data),
        ["copyreg.__newobj__"] = new(Condition.NamedClass, Verdict.Data),
        ["copy_reg.__newobj__"] = new(Condition.NamedClass, Verdict.Data),
        ["copyreg.__newobj_ex__"] = new(Condition.NamedClass, Verdict.Data),
        ["torch._tensor._rebuild_from_type"] = new(Condition.NamedFunction, Verdict.Tensors),
        ["torch._tensor._rebuild_from_type_v2"] = new(Condition.NamedFunction, Verdict.Tensors),
        ["torch.tensor._rebuild_from_type"] = new(Condition.NamedFunction, Verdict.Tensors),
        ["numpy.random._pickle.__randomstate_ctor"] = new(Condition.RandomState, Verdict.Data),
        ["numpy.random._pickle.__generator_ctor"] = new(Condition.RandomState, Verdict.Data),
        ["numpy.random._pickle.__bit_generator_ctor"] = new(Condition.RandomState, Verdict.Data),
        ["numpy.random.__RandomState_ctor"] = new(Condition.RandomState, Verdict.Data),
    };

    /// <summary>What a call of <paramref name="name"/> must satisfy.</summary>
    public static Condition ConditionOf(string name) => s_rules[name].Condition;

    private sealed record Rule(Condition Condition, Verdict Verdict);
}

/// <summary>When a call is harmless.</summary>
internal enum Condition
{
    /// <summary>getattr of a harmless class, with a literal name: members of enumerations and methods, as Python 3.11 and later write them.</summary>
    Attribute,

    /// <summary>partial of a harmless function.</summary>
    Partial,

    /// <summary>The bytes are a file of their own; it is as harmless as what is in that.</summary>
    NestedFile,

    /// <summary>encode with one of the codecs of plain text; any other name is a module that is imported.</summary>
    Encoding,

    /// <summary>type of None and its kin; with three arguments it makes a class.</summary>
    TypeOf,

    /// <summary>The first argument is the class to make, by name.</summary>
    NamedClass,

    /// <summary>The first argument is the function that is called, by name.</summary>
    NamedFunction,

    /// <summary>The arguments are names of generators, or what makes one.</summary>
    RandomState,
}
