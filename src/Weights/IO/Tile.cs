namespace Weights.IO;

/// <summary>A box of a tensor that is stored by itself.</summary>
/// <param name="Offsets">For each dimension, the index of its first element in the tensor.</param>
/// <param name="Sizes">Its own dimensions.</param>
/// <param name="Bytes">Its elements, row-major and contiguous.</param>
public sealed record Tile(long[] Offsets, long[] Sizes, ByteSource Bytes);
