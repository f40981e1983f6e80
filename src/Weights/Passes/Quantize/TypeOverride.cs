namespace Weights.Passes.Quantize;

/// <summary>That tensors of certain names get a certain type, whatever the scheme says.</summary>
public sealed record TypeOverride
{
    private TypeOverride(Glob glob, DType dtype) => (Glob, DType) = (glob, dtype);

    /// <summary>Which tensors.</summary>
    public Glob Glob { get; }

    /// <summary>Their type.</summary>
    public DType DType { get; }

    /// <summary>Reads <c>GLOB=TYPE</c>, the type in upper or lower case.</summary>
    /// <exception cref="FormatException">It is of another form, or the type is unknown or no floating-point one.</exception>
    public static TypeOverride Parse(string text)
    {
        (Glob glob, string name) = Glob.ParseRule(text, "TYPE", "lm_head=q6_k");
        if (!DType.TryParse(name.ToUpperInvariant(), out DType dtype) || dtype.Kind is not (DTypeKind.Float or DTypeKind.Quantized))
        {
            IEnumerable<string> known = DType.All.Where(static type => type.Kind is DTypeKind.Float or DTypeKind.Quantized).Select(static type => type.Name);
            throw new FormatException($"'{text}' names the type '{name}', which is none of {string.Join(", ", known)}");
        }
        return new TypeOverride(glob, dtype);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Glob}={DType.Name.ToLowerInvariant()}";
}
