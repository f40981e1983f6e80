using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>Where the numbers of a group, in order, are best split between the three levels: all splits are tried.</summary>
internal static partial class TernarySearch
{
    /// <summary>The levels of the 32 numbers of a group of IQ1_S.</summary>
    /// <param name="numbers">The group.</param>
    /// <param name="weights">How much the error of each number matters.</param>
    /// <param name="codes">The levels.</param>
    /// <param name="up">Whether they are moved up.</param>
    /// <param name="scale">What the levels are multiplied by.</param>
    /// <returns>False where no split is any good.</returns>
    public static bool Fit(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, Span<ushort> codes, out bool up, out float scale)
    {
        Span<byte> order = stackalloc byte[32];
        Sort(numbers, order);
        Span<float> products = stackalloc float[33 + 7];
        Span<float> squares = stackalloc float[33 + 7];
        products.Clear();
        squares.Clear();
        for (int rank = 0; rank < order.Length; rank++)
        {
            int index = order[rank];
            products[rank + 1] = products[rank] + weights[index] * numbers[index];
            squares[rank + 1] = squares[rank] + weights[index];
        }
        BestSplit best = Avx2.IsSupported ? TrySplitsVector(products, squares) : TrySplits(products[..33], squares[..33]);
        scale = Math.Abs(best.Scale);
        up = (best.Shifts == 0) != (best.Scale < 0);
        if (best.Found)
        {
            Split(order, best.Low, best.High, best.Scale < 0, codes);
        }
        return best.Found;
    }

    /// <summary>The best split of 32 numbers, from the sums of how ever many of the lowest.</summary>
    public static BestSplit TrySplits(ReadOnlySpan<float> products, ReadOnlySpan<float> squares)
    {
        BestSplit best = new();
        for (int low = 0; low <= 32; low++)
        {
            for (int high = low; high <= 32; high++)
            {
                best.Consider(WeightedSum(products, Up, 1, low, high), WeightedSum(squares, Up, 2, low, high), low, high, 0);
                best.Consider(WeightedSum(products, Down, 1, low, high), WeightedSum(squares, Down, 2, low, high), low, high, 1);
            }
        }
        return best;
    }

    /// <summary>The levels of the 16 numbers of a group of IQ1_M, whose two halves are moved up or down separately.</summary>
    /// <param name="numbers">The group.</param>
    /// <param name="weights">How much the error of each number matters.</param>
    /// <param name="codes">The levels; left alone where no split is any good.</param>
    /// <param name="up">Whether those of each half are moved up.</param>
    /// <param name="scale">What the levels are multiplied by.</param>
    /// <returns>False where no split is any good.</returns>
    public static bool Fit(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, Span<ushort> codes, Span<bool> up, out float scale)
    {
        Span<byte> order = stackalloc byte[16];
        Sort(numbers, order);
        BestSplit best = Avx2.IsSupported ? TrySplitsVector(numbers, weights, order) : TrySplits(numbers, weights, order);
        scale = Math.Abs(best.Scale);
        if (best.Found)
        {
            Split(order, best.Low, best.High, best.Scale < 0, codes);
            int shifts = best.Scale < 0 ? 3 - best.Shifts : best.Shifts;
            (up[0], up[1]) = ((shifts & 2) == 0, (shifts & 1) == 0);
        }
        return best.Found;
    }

    /// <summary>The best split of 16 numbers.</summary>
    public static BestSplit TrySplits(ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, ReadOnlySpan<byte> order)
    {
        BestSplit best = new();
        for (int low = 0; low <= 16; low++)
        {
            for (int high = low; high <= 16; high++)
            {
                for (int shifts = 0; shifts < 4; shifts++)
                {
                    (float products, float squares) = Sums(numbers, weights, order, low, high, shifts);
                    best.Consider(products, squares, low, high, shifts);
                }
            }
        }
        return best;
    }

    // In the numbers' order. A bit of the shifts moves the levels of a half down: 2 of the first, 1 of the second.
    private static (float Products, float Squares) Sums(
        ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, ReadOnlySpan<byte> order, int low, int high, int shifts)
    {
        float products = 0;
        float squares = 0;
        for (int rank = 0; rank < order.Length; rank++)
        {
            int index = order[rank];
            bool down = (shifts & (index < 8 ? 2 : 1)) != 0;
            float level = (down ? Down : Up)[rank < low ? 0 : rank < high ? 1 : 2];
            products += weights[index] * level * numbers[index];
            squares += weights[index] * level * level;
        }
        return (products, squares);
    }

    // Of what lies between the splits' bounds, times the level or its square.
    private static float WeightedSum(ReadOnlySpan<float> prefix, ReadOnlySpan<float> levels, int power, int low, int high)
    {
        float lowest = prefix[low] * levels[0];
        float middle = (prefix[high] - prefix[low]) * levels[1];
        float highest = (prefix[^1] - prefix[high]) * levels[2];
        return power == 1 ? lowest + middle + highest : lowest * levels[0] + middle * levels[1] + highest * levels[2];
    }

    /// <summary>The best split so far.</summary>
    public partial record struct BestSplit
    {
        private float _score;

        public BestSplit() => _score = float.MinValue;

        public bool Found { get; private set; }

        public int Low { get; private set; }

        public int High { get; private set; }

        /// <summary>Which shifts were best.</summary>
        public int Shifts { get; private set; }

        public float Scale { get; private set; }

        public void Consider(float products, float squares, int low, int high, int shifts)
        {
            if (squares > 0 && products * products > _score * squares)
            {
                Scale = products / squares;
                _score = Scale * products;
                (Found, Low, High, Shifts) = (true, low, high, shifts);
            }
        }
    }
}
