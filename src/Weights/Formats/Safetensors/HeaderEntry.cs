namespace Weights.Formats.Safetensors;

/// <summary>What a header says of one tensor; nothing of it is checked yet but its form.</summary>
/// <param name="Name">Name of the tensor.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Dimensions; none where <paramref name="Unheld"/> has them.</param>
/// <param name="Unheld">Dimensions that are, or multiply to, more than 63 bits, which no <see cref="Weights.Shape"/> holds; else null.</param>
/// <param name="Begin">First of its bytes, counted from the end of the header.</param>
/// <param name="End">The byte after its last one.</param>
/// <param name="Position">Where the file describes it, in bytes, for messages.</param>
internal readonly record struct HeaderEntry(string Name, DType DType, Shape Shape, ulong[]? Unheld, ulong Begin, ulong End, long Position);
