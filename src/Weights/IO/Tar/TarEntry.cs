namespace Weights.IO;

/// <summary>A file in a tar archive.</summary>
/// <param name="Name">Name within the archive, folders separated by <c>/</c>, without <c>./</c> before it.</param>
/// <param name="Offset">Where the contents begin in the archive.</param>
/// <param name="Contents">The contents, left where they are.</param>
public sealed record TarEntry(string Name, long Offset, ByteSource Contents);
