using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>
/// The same with AVX2, 32 numbers at a time. A sign changes a level and not, as in the scalar code, its product, which makes a difference for scales that are
/// NaN alone: blocks that have such are for the scalar code.
/// </summary>
internal static partial class CodeGrid
{
    /// <summary>The first point of a grid: within the loops of decoders there is no check left, of indexes or of whether the grid has been made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref T First<T>(T[] grid) => ref MemoryMarshal.GetArrayDataReference(grid);

    /// <summary>The point of an index, which has no more bits than the grid has points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Point<T>(ref T first, uint index) => Unsafe.Add(ref first, index);

    /// <summary>As <see cref="WithParity"/>, of four times seven signs, of which each lot is in a byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint WithParities(uint signs)
    {
        uint parities = signs ^ (signs >> 4);
        parities ^= parities >> 2;
        parities ^= parities >> 1;
        return signs | ((parities & 0x0101_0101) << 7);
    }

    /// <summary>The same of 28 signs that follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint WithParitiesOf28(uint signs) =>
        WithParities((signs & 0x7F) | ((signs << 1) & 0x7F00) | ((signs << 2) & 0x7F_0000) | ((signs << 3) & 0x7F00_0000));

    /// <summary>32 numbers, four points or eight: scale · level, negative where <paramref name="signs"/> has a bit; the first sixteen have the first scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(Vector256<sbyte> points, uint signs, float first, float second, ref float target)
    {
        Vector256<byte> bits = Vector256.Create(0x8040_2010_0804_0201).AsByte();
        Vector256<byte> places = Vector256.Create(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303).AsByte();
        Vector256<byte> negative = Vector256.Equals(Avx2.Shuffle(Vector256.Create(signs).AsByte(), places) & bits, bits);
        Lanes.WriteScaled(Avx2.Sign(points, (negative | Vector256<byte>.One).AsSByte()), first, second, ref target);
    }

    /// <summary>
    /// 32 numbers, four points: scale · (level + shift / 8); the first sixteen have the first scale. Both are taken eight times, which integers can be, and the
    /// scale an eighth, which is exact: no scale is so small as to lose bits.
    /// </summary>
    /// <param name="points">Points of levels −1, 0 and 1.</param>
    /// <param name="shifts">For each number 1 or −1.</param>
    /// <param name="first">The first scale.</param>
    /// <param name="second">The second.</param>
    /// <param name="target">Receives the numbers.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteShifted(Vector256<ulong> points, Vector256<sbyte> shifts, float first, float second, ref float target)
    {
        Vector256<sbyte> eightfold = ((points << 3) & Vector256.Create(0xF8F8_F8F8_F8F8_F8F8)).AsSByte();
        Lanes.WriteScaled(eightfold + shifts, first * 0.125f, second * 0.125f, ref target);
    }
}
