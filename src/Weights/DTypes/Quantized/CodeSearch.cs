using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Weights.DTypes.Quantized;

/// <summary>Which points are sought anew at the best scale that was tried.</summary>
internal enum Refinement
{
    /// <summary>All.</summary>
    Always,

    /// <summary>Those whose code was no point of the book.</summary>
    OffGrid,

    /// <summary>All, where the code of one was no point of the book or no scale was any good.</summary>
    AllIfOffGrid,
}

/// <summary>How the encoder of a type looks for the scale of a group.</summary>
/// <param name="Length">Numbers in a group: 16 or 32.</param>
/// <param name="Reach">So many scales are tried on either side of the one that gives the largest number the greatest level.</param>
/// <param name="Step">Between scales, in halves of a level.</param>
/// <param name="Refinement">What is done once the best scale is known.</param>
internal sealed record CodeSearchOptions(int Length, int Reach, float Step, Refinement Refinement);

/// <summary>
/// One group of numbers that share a scale in a type with a code book, while its signs, points and scale are sought: level l of a number is
/// (2·l + 1) times the scale, and the sum of weighted square errors shall be least.
/// </summary>
internal ref partial struct CodeSearch
{
    private readonly CodeBook _book;
    private readonly CodeSearchOptions _options;
    private readonly Span<float> _numbers;
    private readonly Span<float> _weights;
    private readonly Span<float> _roots;

    /// <summary>Prepares for groups, one after the other.</summary>
    /// <param name="book">The code book.</param>
    /// <param name="options">The type's way.</param>
    /// <param name="floats">Room for three times a group's numbers.</param>
    /// <param name="codes">Room for a group's points.</param>
    /// <param name="signs">Room for a byte for eight numbers.</param>
    public CodeSearch(CodeBook book, CodeSearchOptions options, Span<float> floats, Span<ushort> codes, Span<byte> signs)
    {
        _book = book;
        _options = options;
        _numbers = floats[..options.Length];
        _weights = floats.Slice(options.Length, options.Length);
        _roots = floats.Slice(2 * options.Length, options.Length);
        Codes = codes[..(options.Length / book.Dimensions)];
        Signs = signs[..(options.Length / 8)];
    }

    /// <summary>Whether vectors are used, which give the same.</summary>
    public bool Vectorised { get; init; } = Avx2.IsSupported;

    /// <summary>The points found, as codes.</summary>
    public readonly Span<ushort> Codes { get; }

    /// <summary>A bit for each number that is negative.</summary>
    public readonly Span<byte> Signs { get; }

    /// <summary>The scale found: positive, zero, or infinite where sums overflowed, which makes the reference implementation abort.</summary>
    public float Scale { get; private set; }

    /// <summary>The magnitudes of the group, with which numbers are sought.</summary>
    public readonly ReadOnlySpan<float> Numbers => _numbers;

    /// <summary>The weights of the group.</summary>
    public readonly Span<float> Weights => _weights;

    /// <summary>The largest of <see cref="Numbers"/>.</summary>
    public readonly float Largest
    {
        get
        {
            float largest = _numbers[0];
            foreach (float number in _numbers[1..])
            {
                largest = largest > number ? largest : number;
            }
            return largest;
        }
    }

    private readonly float TopLevel => 2 * _book.Top + 1;

    private static ReadOnlySpan<float> Levels => [1, 3, 5, 7, 9, 11, 13, 15];

    /// <summary>Takes the numbers of a group apart into magnitudes and signs. The weights are set before.</summary>
    public readonly void Load(ReadOnlySpan<float> numbers)
    {
        if (Vectorised)
        {
            LoadVector(numbers);
            return;
        }
        Signs.Clear();
        for (int index = 0; index < _numbers.Length; index++)
        {
            bool negative = !(numbers[index] >= 0);
            _numbers[index] = negative ? -numbers[index] : numbers[index];
            Signs[index / 8] |= (byte)((negative ? 1 : 0) << (index % 8));
            _roots[index] = MathF.Sqrt(_weights[index]);
        }
    }

    /// <summary>Makes the count of minus signs in each eight even, for the number that matters least: its magnitude becomes negative.</summary>
    public readonly void MakeSignsEven()
    {
        for (int eight = 0; eight < Signs.Length; eight++)
        {
            if (int.IsOddInteger(BitOperations.PopCount(Signs[eight])))
            {
                int least = 0;
                float leastMatter = float.NaN;
                for (int index = 0; index < 8; index++)
                {
                    float number = _numbers[8 * eight + index];
                    float matter = _weights[8 * eight + index] * number * number;
                    if (index == 0 || matter < leastMatter)
                    {
                        (least, leastMatter) = (index, matter);
                    }
                }
                _numbers[8 * eight + least] = -_numbers[8 * eight + least];
                Signs[eight] ^= (byte)(1 << least);
            }
        }
    }

    /// <summary>Finds <see cref="Scale"/> and <see cref="Codes"/>.</summary>
    /// <param name="extent">What the greatest level stands for at the scale in the middle of those tried.</param>
    /// <param name="scale">The scale where none that is tried is any good.</param>
    public void Fit(float extent, float scale)
    {
        Codes.Clear();
        int onGrid = _options.Refinement == Refinement.OffGrid ? -1 : 0;
        if (!Vectorised)
        {
            Try(extent, ref scale, ref onGrid);
        }
        else if (_book.Dimensions == 8)
        {
            TryVector<Eights>(extent, ref scale, ref onGrid);
        }
        else
        {
            TryVector<Fours>(extent, ref scale, ref onGrid);
        }
        int all = (1 << Codes.Length) - 1;
        if ((_options.Refinement == Refinement.Always || (onGrid & all) != all) && scale > 0)
        {
            Refine(ref scale, _options.Refinement == Refinement.OffGrid ? onGrid : 0);
        }
        if (scale < 0)
        {
            scale = -scale;
            foreach (ref byte signs in Signs)
            {
                signs ^= 0xFF;
            }
        }
        Scale = scale >= 0 ? scale : float.PositiveInfinity;
    }

    /// <summary>The level of each scale in 4 bits: l stands for (2·l + 1) · d.</summary>
    public static int ScaleLevel(float inverse, float scale) => Math.Clamp(Rounding.Nearest(0.5f * (inverse * scale - 1)), 0, 15);

    private readonly void Try(float extent, ref float scale, ref int onGrid)
    {
        Span<ushort> codes = stackalloc ushort[Codes.Length];
        float best = 0;
        for (int trial = -_options.Reach; trial <= _options.Reach; trial++)
        {
            float inverse = (TopLevel + trial * _options.Step) / extent;
            int codesOnGrid = 0;
            for (int point = 0; point < codes.Length; point++)
            {
                int code = Quantize(point, inverse);
                codesOnGrid |= (_book.IndexOf(code) >= 0 ? 1 : 0) << point;
                codes[point] = (ushort)Closest(code, point, 1 / inverse);
            }
            (float products, float squares) = Sums(codes);
            if (squares > 0 && products * products > best * squares)
            {
                scale = products / squares;
                best = scale * products;
                codes.CopyTo(Codes);
                onGrid = codesOnGrid;
            }
        }
    }

    private readonly void Refine(ref float scale, int except)
    {
        float inverse = 1 / scale;
        for (int point = 0; point < Codes.Length; point++)
        {
            if (((except >> point) & 1) == 0)
            {
                Codes[point] = (ushort)Closest(Quantize(point, inverse), point, scale);
            }
        }
        (float products, float squares) = Sums(Codes);
        if (squares > 0)
        {
            scale = products / squares;
        }
    }

    private readonly int Closest(int code, int point, float scale)
    {
        int start = point * _book.Dimensions;
        return Vectorised
            ? _book.ClosestVector(code, ref _numbers[start], ref _roots[start], LevelsOf(_book.Bits) * scale)
            : _book.Closest(code, _numbers.Slice(start, _book.Dimensions), _roots.Slice(start, _book.Dimensions), scale, Levels);
    }

    private readonly int Quantize(int point, float inverse)
    {
        int code = 0;
        for (int index = 0; index < _book.Dimensions; index++)
        {
            int level = Rounding.Nearest(0.5f * (inverse * _numbers[point * _book.Dimensions + index] - 1));
            code |= Math.Clamp(level, 0, _book.Top) << (_book.Bits * index);
        }
        return code;
    }

    // Of weight · number · level and weight · level²: their quotient is the best scale for the levels, and where it is taken the error is least.
    private readonly (float Products, float Squares) Sums(ReadOnlySpan<ushort> codes)
    {
        float products = 0;
        float squares = 0;
        for (int index = 0; index < _numbers.Length; index++)
        {
            float level = Levels[(codes[index / _book.Dimensions] >> (_book.Bits * (index % _book.Dimensions))) & ((1 << _book.Bits) - 1)];
            products += _weights[index] * _numbers[index] * level;
            squares += _weights[index] * level * level;
        }
        return (products, squares);
    }
}
