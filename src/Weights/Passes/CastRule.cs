using Weights.DTypes;

namespace Weights.Passes;

/// <summary>That tensors of one element type become tensors of another.</summary>
public sealed class CastRule
{
    /// <summary>A rule.</summary>
    /// <exception cref="ArgumentException">
    /// One type is complex and the other is not: there is no such conversion that loses nothing or means one thing; or the new type is one that is
    /// encoded by importances only.
    /// </exception>
    public CastRule(DType from, DType to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        if (!Conversion.Exists(from, to))
        {
            throw new ArgumentException(
                from.Components == to.Components
                    ? $"{from} cannot become {to}, which is encoded by how much each column matters; 'weights quantize' does it with an importance matrix"
                    : $"{from} cannot become {to}: complex numbers are only cast to complex numbers, and others only to others",
                nameof(to));
        }
        (From, To) = (from, to);
    }

    /// <summary>Type of the tensors that it applies to.</summary>
    public DType From { get; }

    /// <summary>Type that they get.</summary>
    public DType To { get; }

    /// <summary>Reads <c>FROM=TO</c>, names of element types in upper or lower case.</summary>
    /// <exception cref="FormatException">It is of another form, names an unknown type, or the cast does not exist.</exception>
    public static CastRule Parse(string rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        string[] names = rule.Split('=');
        if (names.Length != 2)
        {
            throw new FormatException($"the cast '{rule}' is not of the form FROM=TO, for example F32=BF16");
        }
        try
        {
            return new CastRule(Type(rule, names[0]), Type(rule, names[1]));
        }
        catch (ArgumentException error)
        {
            throw new FormatException($"the cast '{rule}': {error.Message.Split(" (Parameter", 2)[0]}", error);
        }
    }

    /// <summary>For example <c>F32=BF16</c>.</summary>
    public override string ToString() => $"{From}={To}";

    private static DType Type(string rule, string name) => DType.TryParse(name.Trim().ToUpperInvariant(), out DType dtype)
        ? dtype
        : throw new FormatException($"the cast '{rule}' names the element type '{name.Trim()}', which is unknown; known are {string.Join(", ", DType.All)}");
}
