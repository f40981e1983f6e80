using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// What Q4_0 and Q5_0 have in common: 32 numbers around zero, x = d · (q − bound), where the bound is half of what the levels can count to.
/// −bound · d is the number farthest from zero; with importances d is searched.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct SymmetricBlock<TLevels>
    where TLevels : unmanaged, ILevels32<TLevels>
{
    private const int Length = 32;

    private Scale _d;
    private TLevels _q;

    private static int Bound => 1 << (TLevels.Bits - 1);

    public static void Decode(in SymmetricBlock<TLevels> block, Span<float> values)
    {
        float d = block._d.Value;
        for (int index = 0; index < Length; index++)
        {
            values[index] = (block._q.Number(index) - Bound) * d;
        }
    }

    public static float ScaleOf(in SymmetricBlock<TLevels> block) => block._d.Value;

    public static SymmetricBlock<TLevels> Of(float scale, ReadOnlySpan<float> numbers)
    {
        Span<byte> levels = stackalloc byte[Length];
        for (int index = 0; index < Length; index++)
        {
            levels[index] = (byte)(Rounding.Multiple(numbers[index], scale, -Bound, Bound - 1) + Bound);
        }
        return new SymmetricBlock<TLevels> { _d = Scale.Of(scale), _q = TLevels.Of(levels) };
    }

    public static void DecodeLanes(in SymmetricBlock<TLevels> block, Span<float> values)
    {
        float d = block._d.Value;
        Lanes.WriteScaled(block._q.Numbers().AsSByte() - Vector256.Create((sbyte)Bound), d, d, ref values[..Length][0]);
    }

    public static void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<SymmetricBlock<TLevels>> blocks)
    {
        float square = importances.IsEmpty ? 0 : ErrorWeights.SumOfSquares(row) / row.Length;
        for (int index = 0; index < blocks.Length; index++)
        {
            Range range = (index * Length)..((index + 1) * Length);
            Encode(row[range], importances.IsEmpty ? [] : importances[range], square, ref blocks[index]);
        }
    }

    public static void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<SymmetricBlock<TLevels>> blocks)
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
        Span<byte> levels = stackalloc byte[Lanes.Count * Length];
        float square = ErrorWeights.SumOfSquares(row) / row.Length;
        for (int first = 0; first < blocks.Length; first += Lanes.Count)
        {
            Span<SymmetricBlock<TLevels>> eight = blocks.Slice(first, Math.Min(Lanes.Count, blocks.Length - first));
            Range range = (first * Length)..((first + eight.Length) * Length);
            bool searched = SymmetricLanes.Blocks(row[range], importances[range], square, Bound, scales, levels);
            for (int index = 0; index < eight.Length; index++)
            {
                Range own = (index * Length)..((index + 1) * Length);
                if (searched)
                {
                    Vector256<byte> ownLevels = Vector256.Create<byte>(levels[own]);
                    eight[index]._d = Scale.Of(scales[index]);
                    eight[index]._q = TLevels.OfLanes(ownLevels);
                }
                else
                {
                    Encode(row[range][own], importances[range][own], square, ref eight[index]);
                }
            }
        }
    }

    private static void Encode(ReadOnlySpan<float> numbers, ReadOnlySpan<float> importances, float square, ref SymmetricBlock<TLevels> block)
    {
        Span<float> weights = stackalloc float[Length];
        Span<byte> levels = stackalloc byte[Length];
        float d;
        if (importances.IsEmpty)
        {
            d = Round(numbers, levels);
        }
        else
        {
            ErrorWeights.Weigh(numbers, importances, square, weights);
            d = ScaleSearch.Symmetric(numbers, weights, Bound, levels);
        }
        block._d = Scale.Of(d);
        block._q = TLevels.Of(levels);
    }

    private static void EncodeLanes(ReadOnlySpan<float> numbers, ref SymmetricBlock<TLevels> block)
    {
        ref readonly float first = ref numbers[..Length][0];
        Numbers32 all = new(in first);
        int magnitude = all.LargestMagnitude();
        if (magnitude > Lanes.InfinityBits)
        {
            Encode(numbers, [], 0, ref block);
            return;
        }
        float d = Numbers32.FirstOf(in first, magnitude) / -Bound;
        Vector256<byte> levels = all.Truncated(d != 0 ? 1 / d : 0, Bound + 0.5f);
        levels = Vector256.Min(levels.AsSByte(), Vector256.Create((sbyte)((2 * Bound) - 1))).AsByte();
        block._d = Scale.Of(d);
        block._q = TLevels.OfLanes(levels);
    }

    private static float Round(ReadOnlySpan<float> numbers, Span<byte> levels)
    {
        float d = Spread.Farthest(numbers) / -Bound;
        float inverse = d != 0 ? 1 / d : 0;
        for (int index = 0; index < Length; index++)
        {
            levels[index] = unchecked((byte)Math.Min((2 * Bound) - 1, (int)(sbyte)Rounding.Truncate((numbers[index] * inverse) + (Bound + 0.5f))));
        }
        return d;
    }
}
