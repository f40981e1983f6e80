using System.Runtime.InteropServices;
using Weights.IO;

namespace Weights.Formats.PyTorch;

/// <summary>
/// Numbers with their signs flipped, or those of their imaginary parts: torch stores the result of <c>conj()</c> as the original
/// numbers and a mark. A flipped sign bit is exact for every value, NaN and zero too.
/// </summary>
internal sealed class NegatedBytes : UnitBytes
{
    private readonly ByteSource _source;
    private readonly int _wordBytes;
    private readonly bool _flipsFirst;
    private readonly bool _flipsSecond;

    private NegatedBytes(ByteSource source, int wordBytes, bool flipsFirst, bool flipsSecond)
        : base(2 * wordBytes) => (_source, _wordBytes, _flipsFirst, _flipsSecond) = (source, wordBytes, flipsFirst, flipsSecond);

    /// <inheritdoc/>
    public override long Length => _source.Length;

    /// <inheritdoc/>
    public override bool ReadsForward => _source.ReadsForward;

    /// <summary><paramref name="source"/> as the marks say; the source itself where they change nothing.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: the marks make no sense for the type.</exception>
    public static ByteSource Create(ByteSource source, DType dtype, bool isConjugate, bool isNegative)
    {
        if (!isConjugate && !isNegative)
        {
            return source;
        }
        bool isComplex = dtype.Kind == DTypeKind.Complex;
        if (isConjugate && !isComplex || !isComplex && (dtype.Kind != DTypeKind.Float || dtype.WordBytes is not (2 or 4 or 8)))
        {
            throw new WeightFileException(Fault.Unsupported, $"is marked as {(isConjugate ? "conjugate" : "negative")}, which is not read for {dtype.Name}");
        }
        // Real numbers go in pairs too; an odd one at the end stands alone.
        return isNegative == isConjugate && isComplex
            ? new NegatedBytes(source, dtype.WordBytes, flipsFirst: true, flipsSecond: false)
            : new NegatedBytes(source, dtype.WordBytes, flipsFirst: isNegative, flipsSecond: true);
    }

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        long start = first * 2 * _wordBytes;
        int present = (int)Math.Min(units.Length, Length - start);
        _source.Read(start, units[..present]);
        units[present..].Clear();
        switch (_wordBytes)
        {
            case 2:
                Flip(MemoryMarshal.Cast<byte, ushort>(units), (ushort)0x8000);
                break;
            case 4:
                Flip(MemoryMarshal.Cast<byte, uint>(units), 0x8000_0000);
                break;
            default:
                Flip(MemoryMarshal.Cast<byte, ulong>(units), 0x8000_0000_0000_0000);
                break;
        }
    }

    private void Flip<T>(Span<T> words, T signBit)
        where T : unmanaged, System.Numerics.IBitwiseOperators<T, T, T>
    {
        for (int index = _flipsFirst ? 0 : 1; index < words.Length; index += _flipsFirst && _flipsSecond ? 1 : 2)
        {
            words[index] ^= signBit;
        }
    }
}
