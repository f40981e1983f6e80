using System.Collections.Frozen;

namespace Weights;

/// <summary>What kind of numbers a <see cref="DType"/> holds.</summary>
public enum DTypeKind
{
    /// <summary>True or false, one byte, any byte but zero being true.</summary>
    Bool,

    /// <summary>Two's complement integers.</summary>
    Signed,

    /// <summary>Integers from zero up.</summary>
    Unsigned,

    /// <summary>Floating-point numbers.</summary>
    Float,

    /// <summary>Pairs of floating-point numbers: real part, imaginary part.</summary>
    Complex,

    /// <summary>Floating-point numbers in blocks that share scales.</summary>
    Quantized,
}

/// <summary>
/// An element type, seen as a block: <see cref="BlockLength"/> elements in <see cref="BlockBytes"/> bytes. A scalar is a
/// block of one; 2-bit numbers are (4, 1), 4-bit ones (2, 1), 6-bit ones (4, 3), those of quantised types such as (32, 18).
/// </summary>
/// <remarks>
/// Each type is registered from its own file in <c>DTypes/</c>, as a property of this class; none is listed anywhere.
/// Names are those of safetensors where it has one, and formed like them where it has none.
/// </remarks>
public abstract partial class DType
{
    private static FrozenDictionary<string, DType>? s_byName;

    // Its presence makes every first use of the class run the registrations below it, in whichever file they stand.
    static DType()
    {
    }

    private protected DType()
    {
    }

    /// <summary>Every element type, by name.</summary>
    public static IReadOnlyList<DType> All => Registry<DType>.Sorted(static dtype => dtype.Name);

    /// <summary>Short upper-case name, such as <c>F32</c>, <c>BF16</c>, <c>F8_E4M3</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Kind of numbers.</summary>
    public abstract DTypeKind Kind { get; }

    /// <summary>Elements per block.</summary>
    public abstract int BlockLength { get; }

    /// <summary>Bytes per block.</summary>
    public abstract int BlockBytes { get; }

    /// <summary>Numbers per element: 2 for complex types, 1 for the rest.</summary>
    public int Components => Kind == DTypeKind.Complex ? 2 : 1;

    /// <summary>Average bits per element.</summary>
    public double BitsPerElement => 8.0 * BlockBytes / BlockLength;

    /// <summary>Bytes of the machine word that byte order applies to: half an element for complex types, 1 for packed ones.</summary>
    public int WordBytes => BlockLength > 1 ? 1 : BlockBytes / Components;

    /// <summary>
    /// Whether a tensor's last block may be partly filled, from its lowest bit up, its unused bits being zero: so where a block is one
    /// byte, the least that a file can hold. Other packed types come in whole blocks.
    /// </summary>
    public bool PadsLastBlock => BlockLength > 1 && BlockBytes == 1;

    /// <summary>The type of that name.</summary>
    public static bool TryParse(string name, out DType dtype)
    {
        s_byName ??= All.ToFrozenDictionary(static type => type.Name, StringComparer.Ordinal);
        return s_byName.TryGetValue(name, out dtype!);
    }

    /// <summary>
    /// Bytes of a tensor of this type and shape, the last of which may be partly filled if <see cref="PadsLastBlock"/>; null when
    /// other blocks would not be whole, those of quantised types within each row, or when they are more than 63 bits can count.
    /// </summary>
    public long? ByteCount(Shape shape)
    {
        if (Kind == DTypeKind.Quantized && (shape.Rank == 0 || shape[shape.Rank - 1] % BlockLength != 0))
        {
            return null;
        }
        (long blocks, long rest) = Math.DivRem(shape.ElementCount, BlockLength);
        if (rest != 0 && PadsLastBlock)
        {
            return blocks + 1;
        }
        return rest != 0 || blocks > long.MaxValue / BlockBytes ? null : blocks * BlockBytes;
    }

    /// <summary>
    /// The numbers in <paramref name="blocks"/>, exactly where a double can hold them (integers beyond 2⁵³ round to nearest even).
    /// </summary>
    /// <param name="blocks">Whole blocks, little-endian.</param>
    /// <param name="values"><see cref="Components"/> numbers for each element of the blocks.</param>
    public abstract void Decode(ReadOnlySpan<byte> blocks, Span<double> values);

    /// <summary>
    /// The blocks nearest to <paramref name="values"/>, each number rounded once, straight from the double.
    /// Floating-point types round half to even; beyond their range is infinity where they have one, else NaN where they have
    /// one, else their nearest end; NaN is their largest number where they have none. Integers cut off towards zero, as C, NumPy and
    /// PyTorch do; beyond their range is the nearest end, and NaN is 0. Of booleans, every number but ±0 is true.
    /// </summary>
    /// <param name="values"><see cref="Components"/> numbers for each element of the blocks.</param>
    /// <param name="blocks">Whole blocks, little-endian.</param>
    public abstract void Encode(ReadOnlySpan<double> values, Span<byte> blocks);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static DType Register(DType dtype) => Registry<DType>.Add(dtype);
}
