namespace Weights.Passes.Packing;

/// <summary>
/// The numbers of a weight as codes of few bits, row after row, in blocks that each have a scale and, where zero is not code 0, a zero point. From any thread.
/// </summary>
internal abstract class CodedBlocks
{
    /// <summary>Numbers in all.</summary>
    public required long Elements { get; init; }

    /// <summary>Numbers of a block; the last may have fewer.</summary>
    public required int BlockLength { get; init; }

    /// <summary>Blocks in all.</summary>
    public long Count => (Elements + BlockLength - 1) / BlockLength;

    /// <summary>As <see cref="ByteSource.ReadsForward"/>.</summary>
    public virtual bool ReadsForward => false;

    /// <summary>Makes some blocks.</summary>
    /// <param name="first">Index of the first.</param>
    /// <param name="codes">Receives a byte for each number, integers as signed ones; empty where codes are not wanted, else as long as the blocks.</param>
    /// <param name="scales">Receives the scale of each block as it is stored.</param>
    /// <param name="zeroPoints">Receives the zero point of each block; empty where they are not wanted.</param>
    public abstract void Read(long first, Span<byte> codes, Span<float> scales, Span<sbyte> zeroPoints);

    /// <summary>Numbers of some blocks.</summary>
    protected int ElementsOf(long first, int count) => (int)Math.Min((long)count * BlockLength, Elements - (first * BlockLength));
}
