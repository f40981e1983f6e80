using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.IO;

/// <summary>Matrices with their rows as columns: eight times eight elements at a time, in registers, where elements have 1, 2 or 4 bytes.</summary>
internal static class Transposition
{
    private const int Side = 8;

    /// <summary>Writes the columns of a matrix as rows.</summary>
    /// <param name="source">The matrix, row after row.</param>
    /// <param name="sourceStride">Elements from one row of it to the next.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="columns">How many columns.</param>
    /// <param name="target">Receives <paramref name="columns"/> rows of <paramref name="rows"/> elements.</param>
    /// <param name="targetStride">Elements from one of these to the next.</param>
    /// <exception cref="ArgumentOutOfRangeException">The matrix is not inside its span, or would not be.</exception>
    public static void Copy<T>(ReadOnlySpan<T> source, int sourceStride, int rows, int columns, Span<T> target, int targetStride)
        where T : unmanaged
    {
        if (rows == 0 || columns == 0)
        {
            return;
        }
        ref T from = ref MemoryMarshal.GetReference(source[..(((rows - 1) * sourceStride) + columns)]);
        ref T to = ref MemoryMarshal.GetReference(target[..(((columns - 1) * targetStride) + rows)]);
        (int wholeRows, int wholeColumns) = HasVectors(Unsafe.SizeOf<T>()) ? (rows & -Side, columns & -Side) : (0, 0);
        unchecked
        {
            // Rows of the target are filled from the left to the right, so that lines of a cache are filled at once.
            for (int column = 0; column < wholeColumns; column += Side)
            {
                for (int row = 0; row < wholeRows; row += Side)
                {
                    CopyEight(ref Unsafe.Add(ref from, (row * sourceStride) + column), sourceStride, ref Unsafe.Add(ref to, (column * targetStride) + row), targetStride);
                }
            }
            for (int column = 0; column < columns; column++)
            {
                for (int row = column < wholeColumns ? wholeRows : 0; row < rows; row++)
                {
                    Unsafe.Add(ref to, (column * targetStride) + row) = Unsafe.Add(ref from, (row * sourceStride) + column);
                }
            }
        }
    }

    private static bool HasVectors(int bytes) => bytes == 4 ? Avx.IsSupported : bytes <= 2 && Sse2.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyEight<T>(ref T source, int stride, ref T target, int targetStride)
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() == 4)
        {
            CopyEight(ref Unsafe.As<T, float>(ref source), stride, ref Unsafe.As<T, float>(ref target), targetStride);
        }
        else if (Unsafe.SizeOf<T>() == 2)
        {
            CopyEight(ref Unsafe.As<T, ushort>(ref source), stride, ref Unsafe.As<T, ushort>(ref target), targetStride);
        }
        else
        {
            CopyEight(ref Unsafe.As<T, byte>(ref source), stride, ref Unsafe.As<T, byte>(ref target), targetStride);
        }
    }

    // Pairs, then fours, of two and four rows next to each other, in halves of 128 bits; then halves change places.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyEight(ref float source, int stride, ref float target, int targetStride)
    {
        (Vector256<float> p0, Vector256<float> p1) = Pair(ref source, stride, 0);
        (Vector256<float> p2, Vector256<float> p3) = Pair(ref source, stride, 2);
        (Vector256<float> p4, Vector256<float> p5) = Pair(ref source, stride, 4);
        (Vector256<float> p6, Vector256<float> p7) = Pair(ref source, stride, 6);
        Put(Avx.Shuffle(p0, p2, 0x44), Avx.Shuffle(p4, p6, 0x44), ref target, targetStride, 0);
        Put(Avx.Shuffle(p0, p2, 0xEE), Avx.Shuffle(p4, p6, 0xEE), ref target, targetStride, 1);
        Put(Avx.Shuffle(p1, p3, 0x44), Avx.Shuffle(p5, p7, 0x44), ref target, targetStride, 2);
        Put(Avx.Shuffle(p1, p3, 0xEE), Avx.Shuffle(p5, p7, 0xEE), ref target, targetStride, 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Lower, Vector256<float> Upper) Pair(ref float source, int stride, int row)
    {
        Vector256<float> a = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, unchecked(row * stride)));
        Vector256<float> b = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, unchecked((row + 1) * stride)));
        return (Avx.UnpackLow(a, b), Avx.UnpackHigh(a, b));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector256<float> a, Vector256<float> b, ref float target, int stride, int row)
    {
        Avx.Permute2x128(a, b, 0x20).StoreUnsafe(ref Unsafe.Add(ref target, unchecked(row * stride)));
        Avx.Permute2x128(a, b, 0x31).StoreUnsafe(ref Unsafe.Add(ref target, unchecked((row + 4) * stride)));
    }

    // Pairs, fours and eights of rows, each time twice as many next to each other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyEight(ref ushort source, int stride, ref ushort target, int targetStride)
    {
        (Vector128<uint> p0, Vector128<uint> p1) = Pair(ref source, stride, 0);
        (Vector128<uint> p2, Vector128<uint> p3) = Pair(ref source, stride, 2);
        (Vector128<uint> p4, Vector128<uint> p5) = Pair(ref source, stride, 4);
        (Vector128<uint> p6, Vector128<uint> p7) = Pair(ref source, stride, 6);
        Put(Sse2.UnpackLow(p0, p2), Sse2.UnpackLow(p4, p6), ref target, targetStride, 0);
        Put(Sse2.UnpackHigh(p0, p2), Sse2.UnpackHigh(p4, p6), ref target, targetStride, 2);
        Put(Sse2.UnpackLow(p1, p3), Sse2.UnpackLow(p5, p7), ref target, targetStride, 4);
        Put(Sse2.UnpackHigh(p1, p3), Sse2.UnpackHigh(p5, p7), ref target, targetStride, 6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<uint> Lower, Vector128<uint> Upper) Pair(ref ushort source, int stride, int row)
    {
        Vector128<ushort> a = Vector128.LoadUnsafe(ref Unsafe.Add(ref source, unchecked(row * stride)));
        Vector128<ushort> b = Vector128.LoadUnsafe(ref Unsafe.Add(ref source, unchecked((row + 1) * stride)));
        return (Sse2.UnpackLow(a, b).AsUInt32(), Sse2.UnpackHigh(a, b).AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector128<uint> a, Vector128<uint> b, ref ushort target, int stride, int row)
    {
        Sse2.UnpackLow(a.AsUInt64(), b.AsUInt64()).AsUInt16().StoreUnsafe(ref Unsafe.Add(ref target, unchecked(row * stride)));
        Sse2.UnpackHigh(a.AsUInt64(), b.AsUInt64()).AsUInt16().StoreUnsafe(ref Unsafe.Add(ref target, unchecked((row + 1) * stride)));
    }

    // The same, but that two rows of bytes fill a vector.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyEight(ref byte source, int stride, ref byte target, int targetStride)
    {
        Vector128<ushort> p0 = Pair(ref source, stride, 0);
        Vector128<ushort> p1 = Pair(ref source, stride, 2);
        Vector128<ushort> p2 = Pair(ref source, stride, 4);
        Vector128<ushort> p3 = Pair(ref source, stride, 6);
        (Vector128<uint> f0, Vector128<uint> f1) = (Sse2.UnpackLow(p0, p1).AsUInt32(), Sse2.UnpackHigh(p0, p1).AsUInt32());
        (Vector128<uint> f2, Vector128<uint> f3) = (Sse2.UnpackLow(p2, p3).AsUInt32(), Sse2.UnpackHigh(p2, p3).AsUInt32());
        Put(Sse2.UnpackLow(f0, f2), ref target, targetStride, 0);
        Put(Sse2.UnpackHigh(f0, f2), ref target, targetStride, 2);
        Put(Sse2.UnpackLow(f1, f3), ref target, targetStride, 4);
        Put(Sse2.UnpackHigh(f1, f3), ref target, targetStride, 6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Pair(ref byte source, int stride, int row) =>
        Sse2.UnpackLow(Load(ref Unsafe.Add(ref source, unchecked(row * stride))), Load(ref Unsafe.Add(ref source, unchecked((row + 1) * stride)))).AsUInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Load(ref byte eight) => Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref eight)).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector128<uint> rows, ref byte target, int stride, int row)
    {
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, unchecked(row * stride)), rows.AsUInt64().ToScalar());
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, unchecked((row + 1) * stride)), rows.AsUInt64().GetElement(1));
    }
}
