using System.IO.Hashing;
using System.Numerics;
using System.Runtime.InteropServices;
using ZstdSharp;

namespace Weights.Passes.Patch;

/// <summary>Makes frames of a tensor's bytes, and bytes of frames; one for each thread, with buffers that are used again and again.</summary>
internal sealed class FrameCodec : IDisposable
{
    // Of numbers only the entropy of their planes can be used, and that the lowest level does best: of F32 and BF16 that were trained
    // further, higher levels make 0 to 3 points more or less, at a half to a twentieth of the speed.
    private const int Level = 1;

    private readonly Compressor _compressor = new(Level);
    private readonly Decompressor _decompressor = new();
    private readonly byte[] _planes = new byte[Frame.Bytes];

    /// <summary>The most bytes that compressing a frame may need.</summary>
    public static int MostCompressed { get; } = Compressor.GetCompressBound(Frame.Bytes);

    /// <summary>Compresses bytes of a tensor, or their difference from others.</summary>
    /// <param name="bytes">At most a frame's.</param>
    /// <param name="wordBytes">Bytes of the words that are taken apart into planes; 1 for none.</param>
    /// <param name="compressed">Receives what goes into the patch; <see cref="MostCompressed"/> bytes.</param>
    /// <returns>How many those are.</returns>
    public int Compress(ReadOnlySpan<byte> bytes, int wordBytes, Span<byte> compressed)
    {
        ReadOnlySpan<byte> source = bytes;
        if (wordBytes > 1)
        {
            BytePlanes.Split(bytes, wordBytes, _planes);
            source = _planes.AsSpan(0, bytes.Length);
        }
        int length = _compressor.Wrap(source, compressed);
        if (length < bytes.Length)
        {
            return length;
        }
        source.CopyTo(compressed);
        return bytes.Length;
    }

    /// <summary>Makes exactly the bytes that <paramref name="bytes"/> has room for.</summary>
    /// <param name="compressed">What the patch has for them, no more than they are.</param>
    /// <param name="frame">Where it is from.</param>
    /// <param name="wordBytes">As when they were compressed.</param>
    /// <param name="bytes">Receives them.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it does not come to them.</exception>
    public void Decompress(ReadOnlySpan<byte> compressed, Frame frame, int wordBytes, Span<byte> bytes)
    {
        if (Checksum(compressed) != frame.Checksum)
        {
            throw new WeightFileException(Fault.Corrupt, "the patch has other bytes for it than were written: the patch is damaged; get a fresh copy", offset: frame.Offset);
        }
        Span<byte> target = wordBytes > 1 ? _planes.AsSpan(0, bytes.Length) : bytes;
        if (compressed.Length == bytes.Length)
        {
            compressed.CopyTo(target);
        }
        else if (!TryDecompress(compressed, target))
        {
            throw new WeightFileException(Fault.Corrupt, $"what the patch has for it does not decompress to {bytes.Length:N0} bytes: the patch is damaged; get a fresh copy", offset: frame.Offset);
        }
        if (wordBytes > 1)
        {
            BytePlanes.Join(target, wordBytes, bytes);
        }
    }

    /// <summary>The checksum of what goes into the patch.</summary>
    public static ulong Checksum(ReadOnlySpan<byte> compressed) => XxHash3.HashToUInt64(compressed);

    /// <summary>Turns bytes into their difference from others, and the difference into the bytes.</summary>
    public static void Xor(Span<byte> bytes, ReadOnlySpan<byte> others)
    {
        Span<Vector<byte>> vectors = MemoryMarshal.Cast<byte, Vector<byte>>(bytes);
        ReadOnlySpan<Vector<byte>> otherVectors = MemoryMarshal.Cast<byte, Vector<byte>>(others);
        for (int index = 0; index < vectors.Length; index++)
        {
            vectors[index] ^= otherVectors[index];
        }
        for (int index = vectors.Length * Vector<byte>.Count; index < bytes.Length; index++)
        {
            bytes[index] ^= others[index];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _compressor.Dispose();
        _decompressor.Dispose();
    }

    private bool TryDecompress(ReadOnlySpan<byte> compressed, Span<byte> target)
    {
        try
        {
            return _decompressor.Unwrap(compressed, target) == target.Length;
        }
        catch (ZstdException)
        {
            return false;
        }
    }
}
