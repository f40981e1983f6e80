using System.Runtime.CompilerServices;

namespace Weights.DTypes;

/// <summary>What a small floating-point type does with its extreme bit patterns.</summary>
internal enum Extremes
{
    /// <summary>IEEE 754: the largest exponent holds infinity and NaNs.</summary>
    InfinityAndNaN,

    /// <summary>"fn": no infinity; only all ones, under either sign, are NaN.</summary>
    AllOnesNaN,

    /// <summary>"fnuz": no infinity and no negative zero, whose pattern is the only NaN.</summary>
    NegativeZeroNaN,

    /// <summary>Every pattern is a finite number.</summary>
    Finite,
}

/// <summary>
/// Floating-point numbers of at most 32 bits: from the highest bit down a sign, an exponent and a fraction.
/// <code>
/// exponent = 0   (−1)^sign · 2^(1 − bias) · 0.fraction
/// exponent > 0   (−1)^sign · 2^(exponent − bias) · 1.fraction      but for what Extremes takes
/// </code>
/// </summary>
/// <remarks>
/// Payloads of NaNs keep their upper bits both ways, so that decoding and encoding again gives the same bits; a payload
/// whose upper bits are all zero becomes the quiet NaN.
/// </remarks>
internal sealed class SmallFloat
{
    private const int DoubleFraction = 52;
    private const int DoubleBias = 1023;
    private const ulong DoubleSign = 1UL << 63;
    private const ulong DoubleInfinity = 0x7FFUL << DoubleFraction;
    private const ulong DoubleQuietNaN = 0xFFFUL << (DoubleFraction - 1);

    private readonly int _fractionBits;
    private readonly int _bias;
    private readonly Extremes _extremes;
    private readonly int _signShift;
    private readonly uint _largest;
    private readonly double _smallest;
    private readonly double[] _table = [];

    public SmallFloat(int exponentBits, int fractionBits, int bias, Extremes extremes)
    {
        (_fractionBits, _bias, _extremes) = (fractionBits, bias, extremes);
        _signShift = exponentBits + fractionBits;
        uint allOnes = (uint)((1UL << _signShift) - 1);
        _largest = extremes switch
        {
            Extremes.InfinityAndNaN => allOnes - (1u << fractionBits),
            Extremes.AllOnesNaN => allOnes - 1,
            _ => allOnes,
        };
        _smallest = Math.ScaleB(1, 1 - bias - fractionBits);
        if (_signShift < 8)
        {
            // At most 256 numbers: 2 KB, which stay in the first-level cache.
            _table = new double[2 << _signShift];
            for (uint bits = 0; bits < _table.Length; bits++)
            {
                _table[bits] = DecodeBits(bits);
            }
        }
    }

    /// <summary>The number that <paramref name="bits"/> are; bits above the sign must be zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Decode(uint bits)
    {
        double[] table = _table;
        return bits < (uint)table.Length ? table[bits] : DecodeBits(bits);
    }

    /// <summary>
    /// The nearest number of this type, of two equally near the one with an even last bit. Beyond the largest: infinity,
    /// else NaN, else the largest. NaN where there is none: the largest, as ONNX and CUDA cast to their 4-bit floats.
    /// </summary>
    public uint Encode(double value)
    {
        unchecked
        {
            ulong bits = BitConverter.DoubleToUInt64Bits(value);
            uint sign = (uint)(bits >> 63) << _signShift;
            ulong magnitude = bits & ~DoubleSign;
            if (magnitude > DoubleInfinity)
            {
                return EncodeNaN(sign, magnitude);
            }
            uint rounded = Round(magnitude);
            if (rounded > _largest)
            {
                return _extremes switch
                {
                    Extremes.Finite => sign | _largest,
                    Extremes.NegativeZeroNaN => 1u << _signShift,
                    _ => sign | (_largest + 1),
                };
            }
            return rounded == 0 && _extremes == Extremes.NegativeZeroNaN ? 0 : sign | rounded;
        }
    }

    // A finite or infinite magnitude as exponent and fraction of this type, as if its exponent had no end.
    private uint Round(ulong magnitude)
    {
        unchecked
        {
            // Doubles too small to have an implicit one are far below half of any smallest number here: they shift out whole.
            int exponent = (int)(magnitude >> DoubleFraction) - DoubleBias;
            ulong significand = (magnitude & ((1UL << DoubleFraction) - 1)) | (1UL << DoubleFraction);
            int aboveSmallest = exponent - (1 - _bias);
            int drop = DoubleFraction - _fractionBits - Math.Min(aboveSmallest, 0);
            if (drop > DoubleFraction + 1)
            {
                return 0;
            }
            ulong half = (1UL << (drop - 1)) - 1 + ((significand >> drop) & 1);
            ulong kept = (significand + half) >> drop;
            // The implicit one is still in `kept`: it makes the exponent field one, and a carry makes it one more.
            ulong result = kept + ((ulong)Math.Max(aboveSmallest, 0) << _fractionBits);
            return (uint)Math.Min(result, uint.MaxValue);
        }
    }

    private uint EncodeNaN(uint sign, ulong magnitude)
    {
        unchecked
        {
            uint payload = (uint)(magnitude >> (DoubleFraction - _fractionBits)) & ((1u << _fractionBits) - 1);
            return _extremes switch
            {
                Extremes.InfinityAndNaN => sign | (_largest + 1) | (payload != 0 ? payload : 1u << (_fractionBits - 1)),
                Extremes.AllOnesNaN => sign | (_largest + 1),
                Extremes.NegativeZeroNaN => 1u << _signShift,
                _ => _largest,
            };
        }
    }

    private double DecodeBits(uint bits)
    {
        unchecked
        {
            ulong sign = (ulong)(bits >> _signShift) << 63;
            uint magnitude = bits & (uint)((1UL << _signShift) - 1);
            if (magnitude > _largest || (_extremes == Extremes.NegativeZeroNaN && magnitude == 0 && sign != 0))
            {
                return BitConverter.UInt64BitsToDouble(sign | DecodeExtreme(magnitude));
            }
            uint exponent = magnitude >> _fractionBits;
            ulong fraction = magnitude & ((1u << _fractionBits) - 1);
            ulong number = exponent == 0
                ? BitConverter.DoubleToUInt64Bits(fraction * _smallest)
                : ((ulong)((int)exponent - _bias + DoubleBias) << DoubleFraction) | (fraction << (DoubleFraction - _fractionBits));
            return BitConverter.UInt64BitsToDouble(sign | number);
        }
    }

    private ulong DecodeExtreme(uint magnitude)
    {
        ulong payload = (ulong)(magnitude & ((1u << _fractionBits) - 1)) << (DoubleFraction - _fractionBits);
        return _extremes == Extremes.InfinityAndNaN ? DoubleInfinity | payload : DoubleQuietNaN;
    }
}
