using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// What Q4_1 and Q5_1 have in common: 32 numbers above a minimum, x = d · q + m. m is the least number, and m + d · the largest level the greatest; with importances
/// both are searched.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AffineBlock<TLevels>
    where TLevels : unmanaged, ILevels32<TLevels>
{
    private const int Length = 32;

    private Scale _d;
    private Scale _m;
    private TLevels _q;

    private static int Largest => (1 << TLevels.Bits) - 1;

    // Levels of 5 bits are not kept from exceeding the largest, unlike the others': what is beyond is cut off.
    private static bool IsKept => TLevels.Bits < 5;

    public static void Decode(in AffineBlock<TLevels> block, Span<float> values)
    {
        float d = block._d.Value;
        float m = block._m.Value;
        for (int index = 0; index < Length; index++)
        {
            values[index] = (block._q.Number(index) * d) + m;
        }
    }

    public static void DecodeLanes(in AffineBlock<TLevels> block, Span<float> values)
    {
        (float d, float m) = (block._d.Value, block._m.Value);
        Lanes.WriteAffine(block._q.Numbers(), d, m, d, m, ref values[..Length][0]);
    }

    public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<AffineBlock<TLevels>> blocks)
    {
        float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(row) / row.Length;
        for (int index = 0; index < blocks.Length; index++)
        {
            Range range = (index * Length)..((index + 1) * Length);
            Encode(row[range], importances.IsEmpty ? [] : importances[range], square, ref blocks[index]);
        }
    }

    public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<AffineBlock<TLevels>> blocks)
    {
        if (importances.IsEmpty)
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                EncodeLanes(row.Slice(index * Length, Length), ref blocks[index]);
            }
            return;
        }
        Span<float> scales = stackalloc float[Lanes.Count];
        Span<float> minimums = stackalloc float[Lanes.Count];
        Span<byte> levels = stackalloc byte[Lanes.Count * Length];
        float square = ErrorWeights.SumOfSquares(row) / row.Length;
        for (int first = 0; first < blocks.Length; first += Lanes.Count)
        {
            Span<AffineBlock<TLevels>> eight = blocks.Slice(first, Math.Min(Lanes.Count, blocks.Length - first));
            Range range = (first * Length)..((first + eight.Length) * Length);
            AffineLanes.Blocks(AffineSearch.WithImportances(Largest), row[range], importances[range], square, scales, minimums, levels);
            for (int index = 0; index < eight.Length; index++)
            {
                Vector256<byte> ownLevels = Vector256.Create<byte>(levels.Slice(index * Length, Length));
                eight[index]._d = Scale.Of(scales[index]);
                eight[index]._m = Scale.Of(minimums[index]);
                eight[index]._q = TLevels.OfLanes(ownLevels);
            }
        }
    }

    private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, ref AffineBlock<TLevels> block)
    {
        Span<float> weights = stackalloc float[Length];
        Span<byte> levels = stackalloc byte[Length];
        (float d, float m) = (0, 0);
        if (importances.IsEmpty)
        {
            (d, m) = Round(numbers, levels);
        }
        else
        {
            ErrorWeights.Weigh(numbers, importances, square, weights);
            (d, m) = AffineSearch.WithImportances(Largest).Run(numbers, weights, levels);
            m = -m;
        }
        block._d = Scale.Of(d);
        block._m = Scale.Of(m);
        block._q = TLevels.Of(levels);
    }

    private static void EncodeLanes(ReadOnlySpan<float> numbers, ref AffineBlock<TLevels> block)
    {
        Numbers32 all = new(in numbers[..Length][0]);
        (float least, float greatest) = all.Bounds();
        // Of +0 and −0 the first is the minimum: those blocks go the other way, as those with NaNs.
        if (least == 0 || all.LargestMagnitude() > Lanes.InfinityBits)
        {
            Encode(numbers, [], 0, ref block);
            return;
        }
        float d = (greatest - least) / Largest;
        Vector256<byte> levels = all.TruncatedAbove(least, d != 0 ? 1 / d : 0);
        levels = IsKept ? Vector256.Min(levels.AsSByte(), Vector256.Create((sbyte)Largest)).AsByte() : levels;
        block._d = Scale.Of(d);
        block._m = Scale.Of(least);
        block._q = TLevels.OfLanes(levels);
    }

    private static (float Scale, float Minimum) Round(ReadOnlySpan<float> numbers, Span<byte> levels)
    {
        (float least, float greatest) = Spread.Bounds(numbers);
        float d = (greatest - least) / Largest;
        float inverse = d != 0 ? 1 / d : 0;
        for (int index = 0; index < Length; index++)
        {
            int level = Rounding.Truncate(((numbers[index] - least) * inverse) + 0.5f);
            levels[index] = unchecked((byte)(IsKept ? Math.Min(Largest, (int)(sbyte)level) : level));
        }
        return (d, least);
    }
}
