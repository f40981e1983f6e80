using System.Globalization;

namespace Weights.Passes.Packing;

/// <summary>Which numbers of a weight share a scale.</summary>
public readonly record struct ScaleScope
{
    private ScaleScope(int columns, int rows = 1) => (Columns, Rows) = (columns, rows);

    /// <summary>All.</summary>
    public static ScaleScope Tensor { get; } = new(-1);

    /// <summary>Those of a row: what goes into one output.</summary>
    public static ScaleScope Channel { get; } = new(0);

    /// <summary>Columns that share one; none for all of them.</summary>
    public int Columns { get; }

    /// <summary>Rows that share one, where it is not all of them.</summary>
    public int Rows { get; }

    /// <summary>Whether it is some columns of a row.</summary>
    public bool IsGroup => Columns > 0 && Rows == 1;

    /// <summary>Whether it is some columns of some rows.</summary>
    public bool IsBlock => Columns > 0 && Rows > 1;

    /// <summary>That many columns of a row.</summary>
    public static ScaleScope Group(int columns) => new(columns);

    /// <summary>That many columns of that many rows.</summary>
    public static ScaleScope Block(int rows, int columns) => new(columns, rows);

    /// <summary>Reads <c>tensor</c>, <c>channel</c>, a number of columns, or rows and columns such as <c>128x128</c>.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static ScaleScope Parse(string text) => text switch
    {
        "tensor" => Tensor,
        "channel" => Channel,
        _ when IsCount(text, out int columns) => Group(columns),
        _ when text.Split('x') is [{ } high, { } wide] && IsCount(high, out int rows) && IsCount(wide, out int columns) => Block(rows, columns),
        _ => throw new FormatException($"'{text}' is none of tensor, channel, a number of columns such as 128, or of rows and columns such as 128x128"),
    };

    private static bool IsCount(string text, out int count) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0;

    /// <summary>For people.</summary>
    public override string ToString() => this == Tensor ? "a scale per tensor" : this == Channel ? "a scale per channel" : IsBlock ? $"blocks of {Rows} by {Columns}" : $"groups of {Columns}";
}
