namespace Weights.Cli.Terminal;

/// <summary>How text looks where there are colours: the parameter of the escape sequence <c>ESC [ n m</c>.</summary>
internal enum Style
{
    /// <summary>As it comes.</summary>
    Plain = 0,

    /// <summary>What matters most.</summary>
    Bold = 1,

    /// <summary>What only labels or repeats.</summary>
    Dim = 2,

    /// <summary>Errors.</summary>
    Red = 31,

    /// <summary>All is well.</summary>
    Green = 32,

    /// <summary>Warnings.</summary>
    Yellow = 33,

    /// <summary>Notes, element types.</summary>
    Cyan = 36,
}
