namespace Weights.Passes.Patch;

/// <summary>How a patch makes the bytes of a tensor.</summary>
public enum PatchMethod
{
    /// <summary>They are those of a tensor of the base, under whatever name.</summary>
    Base = 0,

    /// <summary>They are those of a tensor of the base, XOR what is in the patch.</summary>
    Delta = 1,

    /// <summary>They are in the patch.</summary>
    Stored = 2,

    /// <summary>They are those of an earlier tensor of the patch.</summary>
    Earlier = 3,
}

/// <summary>A tensor that a patch makes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DType">Its element type.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Digest">SHA-256 of its bytes.</param>
/// <param name="Method">How its bytes are made.</param>
/// <param name="Source">The tensor of the base, or the earlier one of the patch, that they are made of; null where they are in the patch.</param>
public sealed record PatchTensor(string Name, DType DType, Shape Shape, byte[] Digest, PatchMethod Method, string? Source)
{
    /// <summary>Bytes of the tensor.</summary>
    public long Bytes { get; } = DType.ByteCount(Shape) ?? throw new ArgumentException($"{DType.Name} {Shape} has no whole number of bytes", nameof(Shape));

    /// <summary>Bytes that the patch has for it, apart from its index.</summary>
    public long PatchBytes => Frames.Sum(static frame => (long)frame.Length);

    /// <summary>Whether words are taken apart into planes before they are compressed; see <see cref="BytePlanes"/>.</summary>
    internal bool HasPlanes { get; init; }

    /// <summary>Its frames, none where the patch has no bytes for it.</summary>
    internal IReadOnlyList<Frame> Frames { get; init; } = [];

    /// <summary>How many frames its bytes come to.</summary>
    internal static long FrameCount(long bytes) => (bytes / Frame.Bytes) + (bytes % Frame.Bytes == 0 ? 0 : 1);
}

/// <summary>Up to a mebibyte of a tensor, as it is in the patch.</summary>
/// <param name="Offset">Where in the patch.</param>
/// <param name="Length">Bytes there: those that zstd made, or as many as the tensor has if it made no fewer.</param>
/// <param name="Checksum">XXH3 of 64 bits of them.</param>
internal readonly record struct Frame(long Offset, int Length, ulong Checksum)
{
    /// <summary>Bytes of a tensor that a frame stands for; the last one of a tensor has the rest. Large enough to compress well, small enough for many to be made at a time.</summary>
    public const int Bytes = 1 << 20;
}
