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
        ArgumentNullException.ThrowIfNull(text);
        int separator = text.LastIndexOf('=');
        if (separator <= 0)
        {
            throw new FormatException($"'{text}' is not of the form GLOB=SCHEME, for example 'lm_head=int8'");
        }
        string name = text[(separator + 1)..].Trim();
        return PackedScheme.TryParse(name, out PackedScheme scheme)
            ? new SchemeOverride(Glob.Parse(text[..separator]), scheme)
            : throw new FormatException($"'{text}' names the scheme '{name}', which is none of {string.Join(", ", PackedScheme.All)}");
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Glob}={Scheme}";
}
