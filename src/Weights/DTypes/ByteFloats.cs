using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.DTypes;

/// <summary>
/// Integers and floats of 8 bits to F32, 32 numbers at a time: what quantised weights are made of. The results are those of the types' own decoding, bit for bit,
/// NaNs included.
/// </summary>
internal static class ByteFloats
{
    private const int Lanes = 32;

    /// <summary>The conversion, or null for other types.</summary>
    public static BlockConversion? Between(DType from, DType to) =>
        to != DType.F32 ? null
        : from == DType.I8 ? Widen<Signed>
        : from == DType.U8 ? Widen<Unsigned>
        : from == DType.F8E4M3 ? Widen<E4M3>
        : from == DType.F8E5M2 ? Widen<E5M2>
        : null;

    private interface IByte
    {
        static abstract DType DType { get; }

        /// <summary>Numbers from bytes, which are the lowest of each lane.</summary>
        static abstract Vector256<float> Widen(Vector256<uint> bytes);
    }

    private static void Widen<T>(ReadOnlySpan<byte> source, Span<byte> target)
        where T : struct, IByte
    {
        ReadOnlySpan<Vector256<byte>> bytes = MemoryMarshal.Cast<byte, Vector256<byte>>(source);
        Span<Vector256<float>> singles = MemoryMarshal.Cast<byte, Vector256<float>>(target)[..(4 * bytes.Length)];
        for (int index = 0; index < bytes.Length; index++)
        {
            (Vector256<ushort> lower, Vector256<ushort> upper) = Vector256.Widen(bytes[index]);
            (Vector256<uint> first, Vector256<uint> second) = Vector256.Widen(lower);
            (Vector256<uint> third, Vector256<uint> fourth) = Vector256.Widen(upper);
            singles[4 * index] = T.Widen(first);
            singles[(4 * index) + 1] = T.Widen(second);
            singles[(4 * index) + 2] = T.Widen(third);
            singles[(4 * index) + 3] = T.Widen(fourth);
        }
        int done = bytes.Length * Lanes;
        if (done < source.Length)
        {
            Rest(T.DType, source[done..], target[(done * sizeof(float))..]);
        }
    }

    private static void Rest(DType from, ReadOnlySpan<byte> source, Span<byte> target)
    {
        Span<double> values = stackalloc double[source.Length];
        from.Decode(source, values);
        DType.F32.Encode(values, target);
    }

    // A float of 8 bits has its exponent and fraction where binary32 has the upper bits of its own, but for the bias; what has no implicit one is a multiple of the smallest.
    // Above the greatest number are infinity and NaNs, or the NaN, whose bits then change from what the exponent would make them to what they are in binary32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Float(Vector256<uint> bytes, int fractionBits, uint rebias, float smallest, int greatest, uint extreme)
    {
        Vector256<uint> magnitude = bytes & Vector256.Create(0x7Fu);
        Vector256<uint> sign = (bytes ^ magnitude) << 24;
        Vector256<uint> normal = (magnitude << (23 - fractionBits)) + Vector256.Create(rebias << 23);
        normal ^= Vector256.GreaterThan(magnitude.AsInt32(), Vector256.Create(greatest)).AsUInt32() & Vector256.Create(extreme);
        Vector256<float> subnormal = Vector256.ConvertToSingle(magnitude.AsInt32()) * Vector256.Create(smallest);
        Vector256<uint> isSubnormal = Vector256.LessThan(magnitude.AsInt32(), Vector256.Create(1 << fractionBits)).AsUInt32();
        return (sign | Vector256.ConditionalSelect(isSubnormal, subnormal.AsUInt32(), normal)).AsSingle();
    }

    private readonly struct Signed : IByte
    {
        public static DType DType => DType.I8;

        public static Vector256<float> Widen(Vector256<uint> bytes) => Vector256.ConvertToSingle((bytes << 24).AsInt32() >> 24);
    }

    private readonly struct Unsigned : IByte
    {
        public static DType DType => DType.U8;

        public static Vector256<float> Widen(Vector256<uint> bytes) => Vector256.ConvertToSingle(bytes.AsInt32());
    }

    private readonly struct E4M3 : IByte
    {
        public static DType DType => DType.F8E4M3;

        public static Vector256<float> Widen(Vector256<uint> bytes) => Float(bytes, 3, 127 - 7, 1f / (1 << 9), 0x7E, 0x43F0_0000 ^ 0x7FC0_0000);
    }

    private readonly struct E5M2 : IByte
    {
        public static DType DType => DType.F8E5M2;

        public static Vector256<float> Widen(Vector256<uint> bytes) => Float(bytes, 2, 127 - 15, 1f / (1 << 16), 0x7B, 0x4780_0000 ^ 0x7F80_0000);
    }
}
