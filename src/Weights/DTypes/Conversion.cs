using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.DTypes.Quantized;

namespace Weights.DTypes;

/// <summary>Turns whole blocks of one type into whole blocks of another; both are the same elements.</summary>
internal delegate void BlockConversion(ReadOnlySpan<byte> source, Span<byte> target);

/// <summary>
/// Conversions between element types, each rounding once: through doubles, which hold every number of every type but the
/// 64-bit integers, which go their own way, and of quantised types, which are floats.
/// </summary>
internal static class Conversion
{
    // 8192 floats are as many bytes.
    private const int BatchFloats = 8192;

    // 4096 doubles are 32 KB: they stay in the first-level cache between decoding and encoding.
    private const int BatchNumbers = 4096;

    /// <summary>
    /// Whether elements of the one type can become elements of the other: complex numbers only complex ones, and the reverse; nothing those of a
    /// quantised type that cannot be encoded without importances.
    /// </summary>
    public static bool Exists(DType from, DType to) => from.Components == to.Components && to is not QuantizedDType { Importances: Importances.Required };

    /// <summary>The conversion of <paramref name="from"/> to <paramref name="to"/>, for which <see cref="Exists"/> is true.</summary>
    public static BlockConversion Between(DType from, DType to)
    {
        if (from == DType.F32 && to == DType.F32)
        {
            return static (source, target) => source.CopyTo(target);
        }
        if (Vector256.IsHardwareAccelerated && (HalfFloats.Between(from, to) ?? ByteFloats.Between(from, to)) is { } direct)
        {
            return direct;
        }
        if ((from is QuantizedDType || to is QuantizedDType) && FloatDecoder(from) is { } toFloats && FloatEncoder(to) is { } ofFloats)
        {
            return (source, target) => ThroughFloats(toFloats, from, source, ofFloats, to, target);
        }
        if (from == DType.I64 || from == DType.U64)
        {
            return FromWideIntegers(from, to);
        }
        return (source, target) => ThroughDoubles(from.Decode, from, source, to, target);
    }

    /// <summary>Elements after which a block of each type begins.</summary>
    public static int CommonBlockLength(DType from, DType to)
    {
        int common = from.BlockLength;
        while (common % to.BlockLength != 0)
        {
            common += from.BlockLength;
        }
        return common;
    }

    // Null for types with numbers that a float does not hold, which go through doubles.
    private static BlockConversion? FloatDecoder(DType from) =>
        from is QuantizedDType quantized ? (source, floats) => quantized.DecodeFloats(source, MemoryMarshal.Cast<byte, float>(floats))
        : from == DType.F32 ? static (source, floats) => source.CopyTo(floats)
        : Vector256.IsHardwareAccelerated ? HalfFloats.Between(from, DType.F32) : null;

    private static BlockConversion? FloatEncoder(DType to) =>
        to is QuantizedDType quantized ? (floats, target) => quantized.EncodeRow(MemoryMarshal.Cast<byte, float>(floats), [], target)
        : to == DType.F32 ? static (floats, target) => floats.CopyTo(target)
        : Vector256.IsHardwareAccelerated ? HalfFloats.Between(DType.F32, to) : null;

    private static void ThroughFloats(BlockConversion decode, DType from, ReadOnlySpan<byte> source, BlockConversion encode, DType to, Span<byte> target)
    {
        int common = CommonBlockLength(from, to);
        int batch = Math.Max(1, BatchFloats / common) * common;
        float[] floats = ArrayPool<float>.Shared.Rent(batch);
        for (long left = (long)source.Length / from.BlockBytes * from.BlockLength; left > 0; left -= batch)
        {
            int elements = (int)Math.Min(batch, left);
            int sourceBytes = elements / from.BlockLength * from.BlockBytes;
            int targetBytes = elements / to.BlockLength * to.BlockBytes;
            Span<byte> values = MemoryMarshal.AsBytes(floats.AsSpan(0, elements));
            decode(source[..sourceBytes], values);
            encode(values, target[..targetBytes]);
            source = source[sourceBytes..];
            target = target[targetBytes..];
        }
        ArrayPool<float>.Shared.Return(floats);
    }

    private static BlockConversion FromWideIntegers(DType from, DType to)
    {
        if (from == DType.I64 && to == DType.U64)
        {
            return static (source, target) => Saturate<long, ulong>(source, target);
        }
        if (from == DType.U64 && to == DType.I64)
        {
            return static (source, target) => Saturate<ulong, long>(source, target);
        }
        // To a double the nearest is right, and to smaller integers: what a double cannot hold exactly saturates anyway.
        Decoder decode = to.Kind != DTypeKind.Float || to == DType.F64 ? from.Decode
            : from == DType.I64 ? static (source, values) => RoundToOdd(MemoryMarshal.Cast<byte, long>(source), values)
            : static (source, values) => RoundToOdd(MemoryMarshal.Cast<byte, ulong>(source), values);
        return (source, target) => ThroughDoubles(decode, from, source, to, target);
    }

    private delegate void Decoder(ReadOnlySpan<byte> blocks, Span<double> values);

    private static void ThroughDoubles(Decoder decode, DType from, ReadOnlySpan<byte> source, DType to, Span<byte> target)
    {
        int common = CommonBlockLength(from, to);
        int batch = Math.Max(1, BatchNumbers / (common * from.Components)) * common;
        double[] numbers = ArrayPool<double>.Shared.Rent(batch * from.Components);
        for (long left = (long)source.Length / from.BlockBytes * from.BlockLength; left > 0; left -= batch)
        {
            int elements = (int)Math.Min(batch, left);
            int sourceBytes = elements / from.BlockLength * from.BlockBytes;
            int targetBytes = elements / to.BlockLength * to.BlockBytes;
            Span<double> values = numbers.AsSpan(0, elements * from.Components);
            decode(source[..sourceBytes], values);
            to.Encode(values, target[..targetBytes]);
            source = source[sourceBytes..];
            target = target[targetBytes..];
        }
        ArrayPool<double>.Shared.Return(numbers);
    }

    private static void Saturate<TFrom, TTo>(ReadOnlySpan<byte> source, Span<byte> target)
        where TFrom : unmanaged, System.Numerics.IBinaryInteger<TFrom>
        where TTo : unmanaged, System.Numerics.IBinaryInteger<TTo>
    {
        ReadOnlySpan<TFrom> from = MemoryMarshal.Cast<byte, TFrom>(source);
        Span<TTo> to = MemoryMarshal.Cast<byte, TTo>(target);
        for (int index = 0; index < from.Length; index++)
        {
            to[index] = TTo.CreateSaturating(from[index]);
        }
    }

    private static void RoundToOdd(ReadOnlySpan<long> source, Span<double> values)
    {
        for (int index = 0; index < source.Length; index++)
        {
            long value = source[index];
            double magnitude = RoundToOdd(value < 0 ? unchecked((ulong)-value) : (ulong)value);
            values[index] = value < 0 ? -magnitude : magnitude;
        }
    }

    private static void RoundToOdd(ReadOnlySpan<ulong> source, Span<double> values)
    {
        for (int index = 0; index < source.Length; index++)
        {
            values[index] = RoundToOdd(source[index]);
        }
    }

    // What 53 bits cannot hold is cut off and leaves a one in the last place: no number then looks halfway between two numbers
    // of fewer bits unless it is, and rounding it to them gives what rounding the integer itself would.
    private static double RoundToOdd(ulong value)
    {
        int cut = 64 - System.Numerics.BitOperations.LeadingZeroCount(value) - 53;
        if (cut <= 0)
        {
            return value;
        }
        ulong kept = value >> cut;
        ulong sticky = kept << cut != value ? 1UL : 0UL;
        return (double)((kept | sticky) << cut);
    }
}
