using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>
/// What the vector paths of the quantised types are made of. They give the bits of the scalar code: element-wise operations are the same
/// ones, and where floats are summed a lane is a block, so that each sum has the order of the scalar code.
/// </summary>
internal static class Lanes
{
    /// <summary>Floats in a vector.</summary>
    public const int Count = 8;

    /// <summary>Bits of infinity: magnitudes above are NaNs.</summary>
    public const int InfinityBits = 0x7F80_0000;

    /// <summary>Whether there are vector paths on this processor.</summary>
    public static bool Supported => Avx2.IsSupported;

    /// <summary>Bytes of so many vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Bytes(int vectors) => unchecked((nuint)vectors * sizeof(float) * Count);

    /// <summary>The offset in bytes of the next vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Next(nuint offset) => unchecked(offset + (sizeof(float) * Count));

    /// <summary>The vector so many bytes after the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref Vector256<float> At(ref Vector256<float> first, nuint offset) => ref Unsafe.AddByteOffset(ref first, offset);

    /// <summary>As <see cref="Rounding.Nearest"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Nearest(Vector256<float> value) =>
        ((value + Vector256.Create(12_582_912f)).AsInt32() & Vector256.Create(0x007F_FFFF)) - Vector256.Create(0x0040_0000);

    /// <summary>As <see cref="Rounding.Truncate"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Truncate(Vector256<float> value) => Avx.ConvertToVector256Int32WithTruncation(value);

    /// <summary>As <see cref="Rounding.AwayFromZero"/>: the largest number below a half is added, as a half would carry 0.49999997 to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AwayFromZero(Vector256<float> value) => Truncate(value + ((value & Vector256.Create(-0f)) | Vector256.Create(0.49999997f)));

    /// <summary>Integers kept within bounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Clamp(Vector256<int> value, int least, int greatest) =>
        Vector256.Max(Vector256.Create(least), Vector256.Min(Vector256.Create(greatest), value));

    /// <summary>Bits of the magnitudes, which order as integers, NaNs last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Magnitude(Vector256<float> value) => value.AsInt32() & Vector256.Create(0x7FFF_FFFF);

    /// <summary>The largest lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Largest(Vector256<int> value)
    {
        Vector128<int> half = Vector128.Max(value.GetLower(), value.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(1, 0, 3, 2)));
        return half.ToScalar();
    }

    /// <summary>The largest magnitude, in bits, of a multiple of eight numbers; above <see cref="InfinityBits"/> if a NaN is among them.</summary>
    public static int LargestMagnitude(ReadOnlySpan<float> numbers)
    {
        ref readonly float first = ref numbers[0];
        Vector256<int> largest = Vector256<int>.Zero;
        for (int index = 0; index < numbers.Length; index += Count)
        {
            largest = Vector256.Max(largest, Magnitude(Vector256.LoadUnsafe(in first, (nuint)index)));
        }
        return Largest(largest);
    }

    /// <summary>The first number of that magnitude, which is there; +0 if it is zero.</summary>
    public static float FirstOf(ReadOnlySpan<float> numbers, int magnitude)
    {
        ref readonly float first = ref numbers[0];
        for (int index = 0; magnitude != 0 && index < numbers.Length; index += Count)
        {
            uint equal = Vector256.Equals(Magnitude(Vector256.LoadUnsafe(in first, (nuint)index)), Vector256.Create(magnitude)).ExtractMostSignificantBits();
            if (equal != 0)
            {
                return numbers[index + System.Numerics.BitOperations.TrailingZeroCount(equal)];
            }
        }
        return 0;
    }

    /// <summary>The low bytes of 32 integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> LowBytes(Vector256<int> a, Vector256<int> b, Vector256<int> c, Vector256<int> d)
    {
        Vector256<int> low = Vector256.Create(0xFF);
        // Packing works on halves of 128 bits: four bytes of each vector, and four of each again.
        Vector256<ushort> first = Avx2.PackUnsignedSaturate(a & low, b & low);
        Vector256<ushort> second = Avx2.PackUnsignedSaturate(c & low, d & low);
        Vector256<byte> bytes = Avx2.PackUnsignedSaturate(first.AsInt16(), second.AsInt16());
        return Avx2.PermuteVar8x32(bytes.AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsByte();
    }

    /// <summary>The sums of four bytes each, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> SumsOfFour(Vector256<sbyte> integers) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(Vector256<byte>.One, integers), Vector256<short>.One);

    /// <summary>32 numbers scale · integer; the first sixteen have the first scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteScaled(Vector256<sbyte> integers, float first, float second, ref float target)
    {
        (Vector128<sbyte> lower, Vector128<sbyte> upper) = (integers.GetLower(), integers.GetUpper());
        Vector256<float> scale = Vector256.Create(first);
        (Float(Avx2.ConvertToVector256Int32(lower)) * scale).StoreUnsafe(ref target);
        (Float(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(lower, 8))) * scale).StoreUnsafe(ref target, Count);
        scale = Vector256.Create(second);
        (Float(Avx2.ConvertToVector256Int32(upper)) * scale).StoreUnsafe(ref target, 2 * Count);
        (Float(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(upper, 8))) * scale).StoreUnsafe(ref target, 3 * Count);
    }

    /// <summary>32 numbers scale · level + minimum; the first sixteen have the first scale and minimum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteAffine(Vector256<byte> levels, float first, float firstMinimum, float second, float secondMinimum, ref float target)
    {
        (Vector128<byte> lower, Vector128<byte> upper) = (levels.GetLower(), levels.GetUpper());
        (Vector256<float> scale, Vector256<float> minimum) = (Vector256.Create(first), Vector256.Create(firstMinimum));
        ((Float(Avx2.ConvertToVector256Int32(lower)) * scale) + minimum).StoreUnsafe(ref target);
        ((Float(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(lower, 8))) * scale) + minimum).StoreUnsafe(ref target, Count);
        (scale, minimum) = (Vector256.Create(second), Vector256.Create(secondMinimum));
        ((Float(Avx2.ConvertToVector256Int32(upper)) * scale) + minimum).StoreUnsafe(ref target, 2 * Count);
        ((Float(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(upper, 8))) * scale) + minimum).StoreUnsafe(ref target, 3 * Count);
    }

    /// <summary>Eight blocks, the last ones zeros if there are fewer.</summary>
    public static ReadOnlySpan<float> Padded(ReadOnlySpan<float> blocks, Span<float> eight)
    {
        if (blocks.Length == eight.Length)
        {
            return blocks;
        }
        blocks.CopyTo(eight);
        eight[blocks.Length..].Clear();
        return eight;
    }

    /// <summary>
    /// Eight blocks side by side: vector i has number i of each block.
    /// </summary>
    /// <param name="blocks">Eight blocks of as many numbers as there are vectors, a multiple of eight.</param>
    /// <param name="numbers">The vectors.</param>
    public static void Transpose(ReadOnlySpan<float> blocks, Span<Vector256<float>> numbers)
    {
        int length = numbers.Length;
        ref readonly float first = ref blocks[..(length * Count)][0];
        for (int index = 0; index < length; index += Count)
        {
            TransposeEight(in Unsafe.Add(ref Unsafe.AsRef(in first), index), length, ref Unsafe.As<Vector256<float>, float>(ref numbers.Slice(index, Count)[0]), Count);
        }
    }

    /// <summary>Eight times eight of them.</summary>
    /// <param name="first">The first of the first block.</param>
    /// <param name="stride">Numbers from one block to the next.</param>
    /// <param name="target">Receives the first number of each block, then the second ones, and so on.</param>
    /// <param name="targetStride">Numbers from the first ones to the second ones.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeEight(ref readonly float first, int stride, ref float target, int targetStride)
    {
        // Pairs, then fours, of numbers of two and four blocks next to one another, in halves of 128 bits; then halves change places.
        (Vector256<float> p0, Vector256<float> p1) = Interleave(in first, stride, 0);
        (Vector256<float> p2, Vector256<float> p3) = Interleave(in first, stride, 2);
        (Vector256<float> p4, Vector256<float> p5) = Interleave(in first, stride, 4);
        (Vector256<float> p6, Vector256<float> p7) = Interleave(in first, stride, 6);
        Put(Avx.Shuffle(p0, p2, 0x44), Avx.Shuffle(p4, p6, 0x44), ref target, 0, targetStride);
        Put(Avx.Shuffle(p0, p2, 0xEE), Avx.Shuffle(p4, p6, 0xEE), ref target, 1, targetStride);
        Put(Avx.Shuffle(p1, p3, 0x44), Avx.Shuffle(p5, p7, 0x44), ref target, 2, targetStride);
        Put(Avx.Shuffle(p1, p3, 0xEE), Avx.Shuffle(p5, p7, 0xEE), ref target, 3, targetStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Float(Vector256<int> value) => Vector256.ConvertToSingle(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Lower, Vector256<float> Upper) Interleave(ref readonly float first, int stride, int block)
    {
        Vector256<float> a = Vector256.LoadUnsafe(in first, (nuint)(block * stride));
        Vector256<float> b = Vector256.LoadUnsafe(in first, (nuint)((block + 1) * stride));
        return (Avx.UnpackLow(a, b), Avx.UnpackHigh(a, b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector256<float> a, Vector256<float> b, ref float target, int place, int stride)
    {
        Avx.Permute2x128(a, b, 0x20).StoreUnsafe(ref target, (nuint)(place * stride));
        Avx.Permute2x128(a, b, 0x31).StoreUnsafe(ref target, (nuint)((place + 4) * stride));
    }
}
