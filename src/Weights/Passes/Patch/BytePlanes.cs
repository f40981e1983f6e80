using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Patch;

/// <summary>
/// Words taken apart into planes: first the lowest byte of every word, then the next one of every word, and so on. Sign and exponent, which are
/// much alike from one number to the next, then stand together, and so do the zeros of a small difference.
/// </summary>
internal static class BytePlanes
{
    /// <summary>From words to planes.</summary>
    /// <param name="words">Whole words.</param>
    /// <param name="wordBytes">Bytes of a word.</param>
    /// <param name="planes">As many bytes.</param>
    public static void Split(ReadOnlySpan<byte> words, int wordBytes, Span<byte> planes)
    {
        int count = words.Length / wordBytes;
        int done = !Vector256.IsHardwareAccelerated ? 0 : wordBytes switch
        {
            2 => SplitPairs(MemoryMarshal.Cast<byte, ushort>(words), planes),
            4 => SplitQuads(MemoryMarshal.Cast<byte, uint>(words), planes),
            _ => 0,
        };
        SplitScalar(words, wordBytes, planes, done, count);
    }

    /// <summary>From planes to words.</summary>
    public static void Join(ReadOnlySpan<byte> planes, int wordBytes, Span<byte> words)
    {
        int count = words.Length / wordBytes;
        int done = !Vector256.IsHardwareAccelerated ? 0 : wordBytes switch
        {
            2 => JoinPairs(planes, MemoryMarshal.Cast<byte, ushort>(words)),
            4 => JoinQuads(planes, MemoryMarshal.Cast<byte, uint>(words)),
            _ => 0,
        };
        JoinScalar(planes, wordBytes, words, done, count);
    }

    /// <summary>The specification of <see cref="Split"/>, for the words from <paramref name="first"/> on.</summary>
    internal static void SplitScalar(ReadOnlySpan<byte> words, int wordBytes, Span<byte> planes, int first, int count)
    {
        for (int plane = 0; plane < wordBytes; plane++)
        {
            Span<byte> target = planes.Slice(plane * count, count);
            for (int word = first; word < count; word++)
            {
                target[word] = words[(word * wordBytes) + plane];
            }
        }
    }

    /// <summary>The specification of <see cref="Join"/>, for the words from <paramref name="first"/> on.</summary>
    internal static void JoinScalar(ReadOnlySpan<byte> planes, int wordBytes, Span<byte> words, int first, int count)
    {
        for (int plane = 0; plane < wordBytes; plane++)
        {
            ReadOnlySpan<byte> source = planes.Slice(plane * count, count);
            for (int word = first; word < count; word++)
            {
                words[(word * wordBytes) + plane] = source[word];
            }
        }
    }

    private static int SplitPairs(ReadOnlySpan<ushort> words, Span<byte> planes)
    {
        int count = words.Length;
        ref ushort source = ref MemoryMarshal.GetReference(words);
        ref byte target = ref MemoryMarshal.GetReference(planes);
        int word = 0;
        for (; word <= count - 32; word += 32)
        {
            Vector256<ushort> first = Vector256.LoadUnsafe(ref source, (nuint)word);
            Vector256<ushort> second = Vector256.LoadUnsafe(ref source, (nuint)word + 16);
            Vector256.Narrow(first, second).StoreUnsafe(ref target, (nuint)word);
            Vector256.Narrow(first >>> 8, second >>> 8).StoreUnsafe(ref target, (nuint)(count + word));
        }
        return word;
    }

    private static int SplitQuads(ReadOnlySpan<uint> words, Span<byte> planes)
    {
        int count = words.Length;
        ref uint source = ref MemoryMarshal.GetReference(words);
        ref byte target = ref MemoryMarshal.GetReference(planes);
        int word = 0;
        for (; word <= count - 32; word += 32)
        {
            Vector256<uint> first = Vector256.LoadUnsafe(ref source, (nuint)word);
            Vector256<uint> second = Vector256.LoadUnsafe(ref source, (nuint)word + 8);
            Vector256<uint> third = Vector256.LoadUnsafe(ref source, (nuint)word + 16);
            Vector256<uint> fourth = Vector256.LoadUnsafe(ref source, (nuint)word + 24);
            (Vector256<ushort> low, Vector256<ushort> lowNext) = (Vector256.Narrow(first, second), Vector256.Narrow(third, fourth));
            (Vector256<ushort> high, Vector256<ushort> highNext) = (Vector256.Narrow(first >>> 16, second >>> 16), Vector256.Narrow(third >>> 16, fourth >>> 16));
            Vector256.Narrow(low, lowNext).StoreUnsafe(ref target, (nuint)word);
            Vector256.Narrow(low >>> 8, lowNext >>> 8).StoreUnsafe(ref target, (nuint)(count + word));
            Vector256.Narrow(high, highNext).StoreUnsafe(ref target, (nuint)((2 * count) + word));
            Vector256.Narrow(high >>> 8, highNext >>> 8).StoreUnsafe(ref target, (nuint)((3 * count) + word));
        }
        return word;
    }

    private static int JoinPairs(ReadOnlySpan<byte> planes, Span<ushort> words)
    {
        int count = words.Length;
        ref byte source = ref MemoryMarshal.GetReference(planes);
        ref ushort target = ref MemoryMarshal.GetReference(words);
        int word = 0;
        for (; word <= count - 32; word += 32)
        {
            (Vector256<ushort> first, Vector256<ushort> second) = Pairs(ref source, word, count + word);
            first.StoreUnsafe(ref target, (nuint)word);
            second.StoreUnsafe(ref target, (nuint)word + 16);
        }
        return word;
    }

    private static int JoinQuads(ReadOnlySpan<byte> planes, Span<uint> words)
    {
        int count = words.Length;
        ref byte source = ref MemoryMarshal.GetReference(planes);
        ref uint target = ref MemoryMarshal.GetReference(words);
        int word = 0;
        for (; word <= count - 32; word += 32)
        {
            (Vector256<ushort> low, Vector256<ushort> lowNext) = Pairs(ref source, word, count + word);
            (Vector256<ushort> high, Vector256<ushort> highNext) = Pairs(ref source, (2 * count) + word, (3 * count) + word);
            (Vector256.WidenLower(low) | (Vector256.WidenLower(high) << 16)).StoreUnsafe(ref target, (nuint)word);
            (Vector256.WidenUpper(low) | (Vector256.WidenUpper(high) << 16)).StoreUnsafe(ref target, (nuint)word + 8);
            (Vector256.WidenLower(lowNext) | (Vector256.WidenLower(highNext) << 16)).StoreUnsafe(ref target, (nuint)word + 16);
            (Vector256.WidenUpper(lowNext) | (Vector256.WidenUpper(highNext) << 16)).StoreUnsafe(ref target, (nuint)word + 24);
        }
        return word;
    }

    // Thirty-two pairs of a low and a high byte.
    private static (Vector256<ushort> First, Vector256<ushort> Second) Pairs(ref byte source, int low, int high)
    {
        Vector256<byte> lows = Vector256.LoadUnsafe(ref source, (nuint)low);
        Vector256<byte> highs = Vector256.LoadUnsafe(ref source, (nuint)high);
        return (Vector256.WidenLower(lows) | (Vector256.WidenLower(highs) << 8), Vector256.WidenUpper(lows) | (Vector256.WidenUpper(highs) << 8));
    }
}
