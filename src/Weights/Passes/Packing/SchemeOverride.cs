namespace Weights.Passes.Packing;

/// <summary>That weights of certain names get a certain scheme.</summary>
public sealed record SchemeOverride
{
    private SchemeOverride(Glob glob, PackedScheme scheme) => (Glob, Scheme) = (glob, scheme);

    /// <summary>Which weights.</summary>
    public Glob Glob { get; }

    /// <summary>What their numbers become.</summary>
    public PackedScheme Scheme { get; }

    /// <summary>Reads <c>GLOB=SCHEME</c>.</summary>
    /// <exception cref="FormatException">It is of another form, or there is no such scheme.</exception>
    public static SchemeOverride Parse(string text)
    {
        (Glob glob, string name) = Glob.ParseRule(text, "SCHEME", "lm_head=int8");
        return PackedScheme.TryParse(name, out PackedScheme scheme)
            ? new SchemeOverride(glob, scheme)
            : throw new FormatException($"'{text}' names the scheme '{name}', which is none of {string.Join(", ", PackedScheme.All)}");
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Glob}={Scheme}";
}
