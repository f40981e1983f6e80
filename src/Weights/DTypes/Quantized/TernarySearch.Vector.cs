using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes.Quantized;

/// <summary>
/// The same for many splits at a time. They are considered in the same order: all lanes are compared with the best score, and only those above it one by one.
/// </summary>
internal static partial class TernarySearch
{
    private const int Splits = 17;

    // Numbers in IQ1_M's groups.
    private const int Short = 16;

    /// <summary>As <see cref="Sort"/>, of whole vectors: the place of each number is how many come before it.</summary>
    public static void SortVector(ReadOnlySpan<float> numbers, Span<byte> order)
    {
        order.Clear();
        for (int eight = 0; eight < numbers.Length; eight += 8)
        {
            Vector256<float> eightNumbers = Vector256.Create(numbers[eight..]);
            Vector256<int> indexes = Vector256<int>.Indices + Vector256.Create(eight);
            Vector256<int> places = Vector256<int>.Zero;
            for (int index = 0; index < numbers.Length; index++)
            {
                Vector256<float> other = Vector256.Create(numbers[index]);
                Vector256<int> before = Vector256.GreaterThan(indexes, Vector256.Create(index)) & Vector256.Equals(other, eightNumbers).AsInt32();
                places -= before | Vector256.LessThan(other, eightNumbers).AsInt32();
            }
            for (int lane = 0; lane < 8; lane++)
            {
                order[places[lane]] = (byte)(eight + lane);
            }
        }
    }

    /// <summary>The best split of 32 numbers, eight of the higher bounds at a time. After the 33 sums there is room for 7 more.</summary>
    public static BestSplit TrySplitsVector(ReadOnlySpan<float> products, ReadOnlySpan<float> squares)
    {
        BestSplit best = new();
        for (int low = 0; low <= 32; low++)
        {
            for (int high = low; high <= 32; high += 8)
            {
                Vector256<float> middleProducts = Vector256.Create(products[high..]) - Vector256.Create(products[low]);
                Vector256<float> middleSquares = Vector256.Create(squares[high..]) - Vector256.Create(squares[low]);
                Vector256<float> upperProducts = Vector256.Create(products[32]) - Vector256.Create(products[high..]);
                Vector256<float> upperSquares = Vector256.Create(squares[32]) - Vector256.Create(squares[high..]);
                Vector256<float> upProducts = Vector256.Create(products[low] * Up[0]) + middleProducts * Up[1] + upperProducts * Up[2];
                Vector256<float> upSquares = Vector256.Create(squares[low] * Up[0] * Up[0]) + middleSquares * Up[1] * Up[1] + upperSquares * Up[2] * Up[2];
                Vector256<float> downProducts = Vector256.Create(products[low] * Down[0]) + middleProducts * Down[1] + upperProducts * Down[2];
                Vector256<float> downSquares = Vector256.Create(squares[low] * Down[0] * Down[0]) + middleSquares * Down[1] * Down[1] + upperSquares * Down[2] * Down[2];
                uint lanes = high <= 25 ? 0xFF : 0xFFu >> (high - 25);
                for (uint better; (better = lanes & (best.Better(upProducts, upSquares) | best.Better(downProducts, downSquares))) != 0;)
                {
                    int lane = BitOperations.TrailingZeroCount(better);
                    best.Consider(upProducts[lane], upSquares[lane], low, high + lane, 0);
                    best.Consider(downProducts[lane], downSquares[lane], low, high + lane, 1);
                    lanes &= ~(1u << lane) & ~((1u << lane) - 1);
                }
            }
        }
        return best;
    }

    /// <summary>
    /// The best split of 16 numbers. A vector has the sums of one split with all four shifts: first of products, then of squares. Up to the lower bound all
    /// splits share them, up to the higher one all with the same lower bound; what is then added is the same for all with the same higher bound.
    /// </summary>
    [SkipLocalsInit]
    public static BestSplit TrySplitsVector(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, ReadOnlySpan<byte> order)
    {
        Span<Vector256<float>> low = stackalloc Vector256<float>[Short];
        Span<Vector256<float>> middle = stackalloc Vector256<float>[Short];
        Span<Vector256<float>> high = stackalloc Vector256<float>[Short];
        for (int rank = 0; rank < Short; rank++)
        {
            int index = order[rank];
            low[rank] = Terms(weights[index], numbers[index], index < 8, 0);
            middle[rank] = Terms(weights[index], numbers[index], index < 8, 1);
            high[rank] = Terms(weights[index], numbers[index], index < 8, 2);
        }
        Span<Vector256<float>> sums = stackalloc Vector256<float>[Splits * Splits];
        Vector256<float> sum = Vector256<float>.Zero;
        for (int lower = 0; lower < Splits; lower++)
        {
            Vector256<float> both = sum;
            for (int higher = lower; higher < Splits; higher++)
            {
                sums[higher * Splits + lower] = both;
                both += higher < Short ? middle[higher] : default;
            }
            sum += lower < Short ? low[lower] : default;
        }
        for (int higher = 0; higher < Short; higher++)
        {
            AddAll(sums.Slice(higher * Splits, higher + 1), high[higher..]);
        }
        BestSplit best = new();
        for (int lower = 0; lower < Splits; lower++)
        {
            for (int higher = lower; higher < Splits; higher++)
            {
                Vector256<float> split = sums[higher * Splits + lower];
                if (best.Better(split.GetLower(), split.GetUpper()) != 0)
                {
                    for (int shifts = 0; shifts < 4; shifts++)
                    {
                        best.Consider(split[shifts], split[shifts + 4], lower, higher, shifts);
                    }
                }
            }
        }
        return best;
    }

    // Adds the terms to each of the sums, in order, several sums at a time.
    private static void AddAll(Span<Vector256<float>> sums, ReadOnlySpan<Vector256<float>> terms)
    {
        ref Vector256<float> sum = ref MemoryMarshal.GetReference(sums);
        int index = 0;
        for (; index <= sums.Length - 4; index += 4)
        {
            Vector256<float> sum0 = Unsafe.Add(ref sum, index);
            Vector256<float> sum1 = Unsafe.Add(ref sum, index + 1);
            Vector256<float> sum2 = Unsafe.Add(ref sum, index + 2);
            Vector256<float> sum3 = Unsafe.Add(ref sum, index + 3);
            foreach (Vector256<float> term in terms)
            {
                sum0 += term;
                sum1 += term;
                sum2 += term;
                sum3 += term;
            }
            Unsafe.Add(ref sum, index) = sum0;
            Unsafe.Add(ref sum, index + 1) = sum1;
            Unsafe.Add(ref sum, index + 2) = sum2;
            Unsafe.Add(ref sum, index + 3) = sum3;
        }
        for (; index < sums.Length; index++)
        {
            foreach (Vector256<float> term in terms)
            {
                Unsafe.Add(ref sum, index) += term;
            }
        }
    }

    // Of one number at one level, with the four shifts: weight · level · number, then weight · level².
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Terms(float weight, float number, bool first, int level)
    {
        float up = Up[level];
        float down = Down[level];
        Vector128<float> levels = first ? Vector128.Create(up, up, down, down) : Vector128.Create(up, down, up, down);
        Vector128<float> weighted = Vector128.Create(weight) * levels;
        return Vector256.Create(weighted * Vector128.Create(number), weighted * levels);
    }

    public partial record struct BestSplit
    {
        /// <summary>A bit for each split that <see cref="Consider"/> would take.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly uint Better(Vector256<float> products, Vector256<float> squares) =>
            (Vector256.GreaterThan(squares, Vector256<float>.Zero) & Vector256.GreaterThan(products * products, squares * _score)).ExtractMostSignificantBits();

        /// <summary>A bit for each split that <see cref="Consider"/> would take.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly uint Better(Vector128<float> products, Vector128<float> squares) =>
            (Vector128.GreaterThan(squares, Vector128<float>.Zero) & Vector128.GreaterThan(products * products, squares * _score)).ExtractMostSignificantBits();
    }
}
