using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>
/// <see cref="Closest"/> for eight neighbours at a time. What the error of a number at each level counts is worked out once; then a neighbour's levels
/// are indexes into that, and its errors are added in the order of its numbers.
/// </summary>
internal sealed partial class CodeBook
{
    /// <summary>As <see cref="Closest"/>, with AVX2.</summary>
    /// <param name="code">The code.</param>
    /// <param name="numbers">The first of the numbers it was made of.</param>
    /// <param name="weights">How much the error of each matters.</param>
    /// <param name="levels">The number of each level times the scale, those of a code of two bits twice.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ClosestVector(int code, ref float numbers, ref float weights, Vector256<float> levels)
    {
        int start = ~Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_index), code);
        return start < 0 ? code : Bits == 2 ? ClosestOfEight(start, ref numbers, ref weights, levels) : ClosestOfFour(start, ref numbers, ref weights, levels);
    }

    private int ClosestOfEight(int start, ref float numbers, ref float weights, Vector256<float> levels)
    {
        Vector256<float> errors0 = Errors(0, ref numbers, ref weights, levels);
        Vector256<float> errors1 = Errors(1, ref numbers, ref weights, levels);
        Vector256<float> errors2 = Errors(2, ref numbers, ref weights, levels);
        Vector256<float> errors3 = Errors(3, ref numbers, ref weights, levels);
        Vector256<float> errors4 = Errors(4, ref numbers, ref weights, levels);
        Vector256<float> errors5 = Errors(5, ref numbers, ref weights, levels);
        Vector256<float> errors6 = Errors(6, ref numbers, ref weights, levels);
        Vector256<float> errors7 = Errors(7, ref numbers, ref weights, levels);
        ref ushort count = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_neighbours), start);
        ref ushort neighbours = ref Unsafe.Add(ref count, 1);
        Vector256<float> least = Vector256.Create(float.MaxValue);
        Vector256<int> closest = Vector256<int>.Zero;
        Vector256<int> positions = Vector256<int>.Indices;
        for (int index = 0; index < count; index += 8)
        {
            Vector256<int> codes = Avx2.ConvertToVector256Int32(Vector128.LoadUnsafe(ref neighbours, (nuint)index));
            Vector256<float> error = Avx.PermuteVar(errors0, codes);
            error += Avx.PermuteVar(errors1, codes >>> 2);
            error += Avx.PermuteVar(errors2, codes >>> 4);
            error += Avx.PermuteVar(errors3, codes >>> 6);
            error += Avx.PermuteVar(errors4, codes >>> 8);
            error += Avx.PermuteVar(errors5, codes >>> 10);
            error += Avx.PermuteVar(errors6, codes >>> 12);
            error += Avx.PermuteVar(errors7, codes >>> 14);
            Keep(error, positions, ref least, ref closest);
            positions += Vector256.Create(8);
        }
        return Unsafe.Add(ref neighbours, First(least, closest));
    }

    private int ClosestOfFour(int start, ref float numbers, ref float weights, Vector256<float> levels)
    {
        Vector256<float> errors0 = Errors(0, ref numbers, ref weights, levels);
        Vector256<float> errors1 = Errors(1, ref numbers, ref weights, levels);
        Vector256<float> errors2 = Errors(2, ref numbers, ref weights, levels);
        Vector256<float> errors3 = Errors(3, ref numbers, ref weights, levels);
        ref ushort count = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_neighbours), start);
        ref ushort neighbours = ref Unsafe.Add(ref count, 1);
        Vector256<float> least = Vector256.Create(float.MaxValue);
        Vector256<int> closest = Vector256<int>.Zero;
        Vector256<int> positions = Vector256<int>.Indices;
        for (int index = 0; index < count; index += 8)
        {
            Vector256<int> codes = Avx2.ConvertToVector256Int32(Vector128.LoadUnsafe(ref neighbours, (nuint)index));
            Vector256<float> error = Avx2.PermuteVar8x32(errors0, codes);
            error += Avx2.PermuteVar8x32(errors1, codes >>> 3);
            error += Avx2.PermuteVar8x32(errors2, codes >>> 6);
            error += Avx2.PermuteVar8x32(errors3, codes >>> 9);
            Keep(error, positions, ref least, ref closest);
            positions += Vector256.Create(8);
        }
        return Unsafe.Add(ref neighbours, First(least, closest));
    }

    // What the error of one number counts, by its level.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Errors(int index, ref float numbers, ref float weights, Vector256<float> levels)
    {
        Vector256<float> difference = levels - Vector256.Create(Unsafe.Add(ref numbers, index));
        return Vector256.Create(Unsafe.Add(ref weights, index)) * difference * difference;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(Vector256<float> error, Vector256<int> positions, ref Vector256<float> least, ref Vector256<int> closest)
    {
        Vector256<float> less = Avx.CompareLessThan(error, least);
        least = Avx.BlendVariable(least, error, less);
        closest = Avx2.BlendVariable(closest, positions, less.AsInt32());
    }

    // The position of the least error, of equal ones the first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int First(Vector256<float> least, Vector256<int> closest)
    {
        Vector256<float> minimum = Avx.Min(least, Avx.Permute2x128(least, least, 1));
        minimum = Avx.Min(minimum, Avx.Permute(minimum, 0b01_00_11_10));
        minimum = Avx.Min(minimum, Avx.Permute(minimum, 0b10_11_00_01));
        Vector256<int> others = Avx.CompareNotEqual(least, minimum).AsInt32();
        Vector256<uint> first = (closest | others).AsUInt32();
        Vector128<uint> low = Sse41.Min(first.GetLower(), first.GetUpper());
        low = Sse41.Min(low, Sse2.Shuffle(low, 0b01_00_11_10));
        low = Sse41.Min(low, Sse2.Shuffle(low, 0b10_11_00_01));
        return (int)low.ToScalar();
    }
}
