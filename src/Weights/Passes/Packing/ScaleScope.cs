using System.Globalization;

namespace Weights.Passes.Packing;

/// <summary>Which numbers of a weight share a scale.</summary>
public readonly record struct ScaleScope
{
    private ScaleScope(int columns) => Columns = columns;

    /// <summary>All.</summary>
    public static ScaleScope Tensor { get; } = new(-1);

    /// <summary>Those of a row: what goes into one output.</summary>
    public static ScaleScope Channel { get; } = new(0);

    /// <summary>Columns of a row that share one; none for all of them.</summary>
    public int Columns { get; }

    /// <summary>Whether it is some columns of a row.</summary>
    public bool IsGroup => Columns > 0;

    /// <summary>That many columns of a row.</summary>
    public static ScaleScope Group(int columns) => new(columns);

    /// <summary>Reads <c>tensor</c>, <c>channel</c> or a number of columns.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static ScaleScope Parse(string text) => text switch
    {
        "tensor" => Tensor,
        "channel" => Channel,
        _ when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int columns) && columns > 0 => Group(columns),
        _ => throw new FormatException($"'{text}' is none of tensor, channel, or a number of columns such as 128"),
    };

    /// <summary>For people.</summary>
    public override string ToString() => this == Tensor ? "a scale per tensor" : this == Channel ? "a scale per channel" : $"groups of {Columns}";
}
