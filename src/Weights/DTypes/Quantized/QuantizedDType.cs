namespace Weights.DTypes.Quantized;

/// <summary>What the encoder of a quantised type does with importances: how much the error of each column of a matrix matters.</summary>
internal enum Importances
{
    /// <summary>The blocks are the same with and without.</summary>
    Unused,

    /// <summary>They weigh the error that the encoder makes least; without them it weighs by the numbers themselves.</summary>
    Optional,

    /// <summary>There is no encoding without them.</summary>
    Required,
}

/// <summary>
/// A type whose blocks are floats that share scales. A block lies within a row: the last dimension of a tensor is whole blocks.
/// Its numbers are binary32 by definition, so that every decoder gives the same ones.
/// </summary>
internal abstract class QuantizedDType : DType
{
    public sealed override DTypeKind Kind => DTypeKind.Quantized;

    /// <summary>What <see cref="EncodeRow"/> does with importances.</summary>
    public abstract Importances Importances { get; }

    /// <summary>The numbers in <paramref name="blocks"/>.</summary>
    public abstract void DecodeFloats(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>The blocks for one row of a matrix.</summary>
    /// <param name="row">The row, or where there are no importances any number of whole blocks.</param>
    /// <param name="importances">One number for each of the row, none of them negative; or none at all.</param>
    /// <param name="blocks">Whole blocks, little-endian.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit, or no importances where they are <see cref="Importances.Required"/>.</exception>
    public abstract void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<byte> blocks);

    /// <summary>The same without vectors: what those are compared with. For numbers, <see cref="DType.Decode"/> is.</summary>
    public abstract void EncodeRowPlainly(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<byte> blocks);
}
