using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>Eight scales at a time: each has a lane, in which its sums are added in the order of the numbers.</summary>
internal ref partial struct CodeSearch
{
    private const int MostTrials = 32;
    private const int MostPoints = 8;

    // What differs between points of eight and of four numbers.
    private interface IShape
    {
        static abstract int Dimensions { get; }

        static abstract int Bits { get; }

        // By the low bits of each code.
        static abstract Vector256<float> Look(Vector256<float> levels, Vector256<int> codes);
    }

    private readonly void LoadVector(ReadOnlySpan<float> numbers)
    {
        for (int eight = 0; eight < Signs.Length; eight++)
        {
            Vector256<float> eightNumbers = Vector256.Create(numbers[(8 * eight)..]);
            Vector256<float> negative = Avx.CompareNotGreaterThanOrEqual(eightNumbers, Vector256<float>.Zero);
            (eightNumbers ^ (negative & Vector256.Create(-0f))).CopyTo(_numbers[(8 * eight)..]);
            Vector256.Sqrt(Vector256.Create(_weights[(8 * eight)..])).CopyTo(_roots[(8 * eight)..]);
            Signs[eight] = (byte)negative.ExtractMostSignificantBits();
        }
    }

    // The number of each level; of a code of two bits the first four, twice.
    private static Vector256<float> LevelsOf(int bits) => bits == 2 ? Vector256.Create(1f, 3, 5, 7, 1, 3, 5, 7) : Vector256.Create(1f, 3, 5, 7, 9, 11, 13, 15);

    [SkipLocalsInit]
    private readonly void TryVector<TShape>(float extent, ref float scale, ref int onGrid)
        where TShape : IShape
    {
        Span<int> codes = stackalloc int[MostPoints * MostTrials];
        Span<float> products = stackalloc float[MostTrials];
        Span<float> squares = stackalloc float[MostTrials];
        int trials = 2 * _options.Reach + 1;
        for (int trial = 0; trial < trials; trial += 8)
        {
            Vector256<float> steps = Vector256.ConvertToSingle(Vector256.Create(trial - _options.Reach) + Vector256<int>.Indices);
            Vector256<float> inverses = (Vector256.Create(TopLevel) + steps * _options.Step) / Vector256.Create(extent);
            Quantize<TShape>(inverses, codes[trial..]);
            ToPoints<TShape>(Vector256<float>.One / inverses, Math.Min(8, trials - trial), codes[trial..]);
            Sums<TShape>(codes[trial..], products[trial..], squares[trial..]);
        }
        float best = 0;
        int bestTrial = -1;
        for (int trial = 0; trial < trials; trial++)
        {
            if (squares[trial] > 0 && products[trial] * products[trial] > best * squares[trial])
            {
                scale = products[trial] / squares[trial];
                best = scale * products[trial];
                bestTrial = trial;
            }
        }
        if (bestTrial >= 0)
        {
            onGrid = 0;
            for (int point = 0; point < Codes.Length; point++)
            {
                int code = codes[point * MostTrials + bestTrial];
                Codes[point] = unchecked((ushort)code);
                onGrid |= (code >> 16 ^ 1) << point;
            }
        }
    }

    // The codes of all points at eight scales.
    private readonly void Quantize<TShape>(Vector256<float> inverses, Span<int> codes)
        where TShape : IShape
    {
        Vector256<int> top = Vector256.Create((1 << TShape.Bits) - 1 - (TShape.Bits == 2 ? 1 : 0));
        ref float numbers = ref MemoryMarshal.GetReference(_numbers);
        ref int target = ref MemoryMarshal.GetReference(codes);
        for (int point = 0; point < Codes.Length; point++)
        {
            Vector256<int> code = Vector256<int>.Zero;
            for (int index = TShape.Dimensions - 1; index >= 0; index--)
            {
                Vector256<float> level = (inverses * Unsafe.Add(ref numbers, point * TShape.Dimensions + index) - Vector256<float>.One) * 0.5f;
                Vector256<int> nearest = ((level + Vector256.Create(12_582_912f)).AsInt32() & Vector256.Create(0x007F_FFFF)) - Vector256.Create(0x0040_0000);
                nearest = Vector256.Max(Vector256.Min(nearest, top), Vector256<int>.Zero);
                code = code << TShape.Bits | nearest;
            }
            code.StoreUnsafe(ref target, (nuint)(point * MostTrials));
        }
    }

    // Replaces codes that are no points. They are marked by bit 16.
    private readonly void ToPoints<TShape>(Vector256<float> scales, int count, Span<int> codes)
        where TShape : IShape
    {
        CodeBook book = _book;
        Vector256<float> levels = LevelsOf(TShape.Bits);
        ref float numbers = ref MemoryMarshal.GetReference(_numbers);
        ref float roots = ref MemoryMarshal.GetReference(_roots);
        for (int trial = 0; trial < count; trial++)
        {
            Vector256<float> scaled = levels * scales[trial];
            for (int point = 0; point < Codes.Length; point++)
            {
                ref int code = ref codes[point * MostTrials + trial];
                if (book.IndexOf(code) < 0)
                {
                    int start = point * TShape.Dimensions;
                    code = book.ClosestVector(code, ref Unsafe.Add(ref numbers, start), ref Unsafe.Add(ref roots, start), scaled) | 1 << 16;
                }
            }
        }
    }

    private readonly void Sums<TShape>(ReadOnlySpan<int> codes, Span<float> products, Span<float> squares)
        where TShape : IShape
    {
        Vector256<float> levels = LevelsOf(TShape.Bits);
        Vector256<float> product = Vector256<float>.Zero;
        Vector256<float> square = Vector256<float>.Zero;
        ref float numbers = ref MemoryMarshal.GetReference(_numbers);
        ref float weights = ref MemoryMarshal.GetReference(_weights);
        for (int point = 0; point < Codes.Length; point++)
        {
            Vector256<int> code = Vector256.LoadUnsafe(in codes[point * MostTrials]);
            for (int index = 0; index < TShape.Dimensions; index++)
            {
                Vector256<float> level = TShape.Look(levels, code);
                float number = Unsafe.Add(ref numbers, point * TShape.Dimensions + index);
                float weight = Unsafe.Add(ref weights, point * TShape.Dimensions + index);
                product += Vector256.Create(weight * number) * level;
                square += Vector256.Create(weight) * level * level;
                code >>>= TShape.Bits;
            }
        }
        product.StoreUnsafe(ref MemoryMarshal.GetReference(products));
        square.StoreUnsafe(ref MemoryMarshal.GetReference(squares));
    }

    private readonly struct Eights : IShape
    {
        public static int Dimensions => 8;

        public static int Bits => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Look(Vector256<float> levels, Vector256<int> codes) => Avx.PermuteVar(levels, codes);
    }

    private readonly struct Fours : IShape
    {
        public static int Dimensions => 4;

        public static int Bits => 3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Look(Vector256<float> levels, Vector256<int> codes) => Avx2.PermuteVar8x32(levels, codes);
    }
}
