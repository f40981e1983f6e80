using Weights.IO;

namespace Weights.Formats.Onnx.Wire;

/// <summary>
/// A message without the elements of its tensors: small, however large the file. In place of each field of elements stands
/// <see cref="PayloadField"/>, a number: which of <see cref="Payloads"/> belongs there.
/// </summary>
/// <param name="Bytes">The message, to be parsed.</param>
/// <param name="Payloads">What was taken out.</param>
internal sealed record Skeleton(ReadOnlyMemory<byte> Bytes, IReadOnlyList<Payload> Payloads)
{
    /// <summary>The last field number that there is; nobody's but ours.</summary>
    public const int PayloadField = 536_870_911;

    /// <summary>Most bytes that a model may have without the elements of its tensors. The largest published graphs have some 50 MB.</summary>
    public const int MaxBytes = 512 << 20;

    /// <summary>Takes the elements out of a file, reading nothing of them.</summary>
    /// <exception cref="WeightFileException">The file is no sound message of that kind, or larger without its elements than a model may be.</exception>
    public static Skeleton Take(ByteSource file, MessageKind kind) => new SkeletonTaker(file).Take(kind);

    /// <summary>Puts the payloads in: the file, with lengths of 64 bits.</summary>
    /// <param name="kind">What <see cref="Bytes"/> is.</param>
    public (IReadOnlyList<Segment> Segments, long Length) Put(MessageKind kind) => new SkeletonPutter(this).Put(kind);
}
