namespace Weights.DTypes.Quantized;

/// <summary>
/// A code book as encoders need it: the index of each of its points, and for all other combinations of levels the points about them.
/// A code is a combination of levels, packed as in <see cref="CodePoints"/>.
/// </summary>
internal sealed partial class CodeBook
{
    private static readonly Lazy<CodeBook> s_iq2_xxs = new(static () => new CodeBook(CodePoints.IQ2_XXS, 8, 2));
    private static readonly Lazy<CodeBook> s_iq2_xs = new(static () => new CodeBook(CodePoints.IQ2_XS, 8, 2));
    private static readonly Lazy<CodeBook> s_iq2_s = new(static () => new CodeBook(CodePoints.IQ2_S, 8, 1));
    private static readonly Lazy<CodeBook> s_iq3_xxs = new(static () => new CodeBook(CodePoints.IQ3_XXS, 4, 2));
    private static readonly Lazy<CodeBook> s_iq3_s = new(static () => new CodeBook(CodePoints.IQ3_S, 4, 3));
    private static readonly Lazy<CodeBook> s_iq1 = new(static () => new CodeBook(CodePoints.IQ1, 8, 3));

    // By code: the index of a point, or the complement of where the neighbours of another begin.
    private readonly int[] _index;

    // Of each code that is no point: how many neighbours it has, then these, nearest first, then the first again up to whole vectors.
    private readonly ushort[] _neighbours;

    /// <summary>Makes the tables, which takes up to some 50 ms: a code's neighbours are the points at the least few distances from it.</summary>
    /// <param name="points">The points by index.</param>
    /// <param name="dimensions">8 numbers of 3 levels or 4 numbers of 8 levels.</param>
    /// <param name="distances">How many distances; all points at one distance are neighbours or none.</param>
    private CodeBook(ReadOnlySpan<ushort> points, int dimensions, int distances)
    {
        Dimensions = dimensions;
        int halfBits = Dimensions * Bits / 2;
        _index = new int[1 << (2 * halfBits)];
        Array.Fill(_index, -1);
        for (int index = 0; index < points.Length; index++)
        {
            _index[points[index]] = index;
        }
        byte[] halves = HalfDistances(Bits, Dimensions / 2);
        List<ushort> neighbours = [];
        byte[] squares = new byte[points.Length];
        for (int code = 0; code < _index.Length; code++)
        {
            if (_index[code] < 0 && HasLevels(code))
            {
                _index[code] = ~neighbours.Count;
                ReadOnlySpan<byte> low = halves.AsSpan((code & ((1 << halfBits) - 1)) << halfBits, 1 << halfBits);
                ReadOnlySpan<byte> high = halves.AsSpan((code >> halfBits) << halfBits, 1 << halfBits);
                for (int index = 0; index < squares.Length; index++)
                {
                    squares[index] = (byte)(low[points[index] & (low.Length - 1)] + high[points[index] >> halfBits]);
                }
                AddNeighbours(points, squares, distances, neighbours);
            }
        }
        _neighbours = [.. neighbours];
    }

    public static CodeBook IQ2_XXS => s_iq2_xxs.Value;

    public static CodeBook IQ2_XS => s_iq2_xs.Value;

    public static CodeBook IQ2_S => s_iq2_s.Value;

    public static CodeBook IQ3_XXS => s_iq3_xxs.Value;

    public static CodeBook IQ3_S => s_iq3_s.Value;

    public static CodeBook IQ1 => s_iq1.Value;

    /// <summary>Numbers in a point, 4 or 8.</summary>
    public int Dimensions { get; }

    /// <summary>Bits of each level in a code.</summary>
    public int Bits => Dimensions == 8 ? 2 : 3;

    /// <summary>The greatest level.</summary>
    public int Top => Dimensions == 8 ? 2 : 7;

    /// <summary>The index of a code, negative where it is no point.</summary>
    public int IndexOf(int code) => _index[code];

    /// <summary>
    /// The point that stands for a code: itself, or the neighbour with the least weighted square error, of equal ones the first. Where all errors
    /// overflow, which makes the reference implementation abort, the first.
    /// </summary>
    /// <param name="code">The code.</param>
    /// <param name="numbers">The numbers it was made of.</param>
    /// <param name="weights">How much the error of each matters.</param>
    /// <param name="scale">What the levels are multiplied by.</param>
    /// <param name="levels">The number of each level.</param>
    public int Closest(int code, ReadOnlySpan<float> numbers, ReadOnlySpan<float> weights, float scale, ReadOnlySpan<float> levels)
    {
        int start = ~_index[code];
        if (start < 0)
        {
            return code;
        }
        ReadOnlySpan<ushort> neighbours = _neighbours.AsSpan(start + 1, _neighbours[start]);
        float least = float.MaxValue;
        int closest = neighbours[0];
        foreach (ushort neighbour in neighbours)
        {
            float error = 0;
            for (int index = 0; index < Dimensions; index++)
            {
                float difference = scale * levels[(neighbour >> (Bits * index)) & ((1 << Bits) - 1)] - numbers[index];
                error += weights[index] * difference * difference;
            }
            if (error < least)
            {
                least = error;
                closest = neighbour;
            }
        }
        return closest;
    }

    // Two bits have room for a fourth level that no number has.
    private bool HasLevels(int code) => Bits == 3 || (code & (code >> 1) & 0x5555) == 0;

    private static void AddNeighbours(ReadOnlySpan<ushort> points, ReadOnlySpan<byte> squares, int distances, List<ushort> neighbours)
    {
        int start = neighbours.Count;
        neighbours.Add(0);
        int last = -1;
        for (; distances > 0; distances--)
        {
            int next = byte.MaxValue;
            foreach (byte square in squares)
            {
                next = square > last && square < next ? square : next;
            }
            for (int index = 0; index < squares.Length; index++)
            {
                if (squares[index] == next)
                {
                    neighbours.Add(points[index]);
                }
            }
            last = next;
        }
        neighbours[start] = (ushort)(neighbours.Count - start - 1);
        while ((neighbours.Count - start) % 8 != 1)
        {
            neighbours.Add(neighbours[start + 1]);
        }
    }

    // The square of the distance between any two halves of codes: the sum of at most four squares of at most 7.
    private static byte[] HalfDistances(int bits, int dimensions)
    {
        int halfBits = bits * dimensions;
        byte[] distances = new byte[1 << (2 * halfBits)];
        for (int pair = 0; pair < distances.Length; pair++)
        {
            for (int index = 0; index < dimensions; index++)
            {
                int difference = ((pair >> (bits * index)) & ((1 << bits) - 1)) - ((pair >> (halfBits + bits * index)) & ((1 << bits) - 1));
                distances[pair] += (byte)(difference * difference);
            }
        }
        return distances;
    }
}
