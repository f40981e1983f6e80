using System.IO.Hashing;

namespace Weights.IO;

/// <summary>CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320) of pieces that are read in any order.</summary>
internal static class Crc32Value
{
    private const uint Polynomial = 0xEDB88320;

    /// <summary>CRC-32 of <paramref name="bytes"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => Crc32.HashToUInt32(bytes);

    /// <summary>CRC-32 of two pieces one after the other.</summary>
    /// <remarks>
    /// Appending n bytes multiplies the first remainder by x^(8n) modulo the polynomial; the power is found by repeated
    /// squaring, so the cost is a few hundred shifts whatever the length.
    /// </remarks>
    public static uint Concatenate(uint first, uint second, long secondLength)
    {
        uint power = 0x80000000; // x^0: bit 31 is the constant term in the reflected order.
        uint square = 0x00800000; // x^8
        for (long remaining = secondLength; remaining > 0; remaining >>= 1)
        {
            if ((remaining & 1) != 0)
            {
                power = Multiply(power, square);
            }
            square = Multiply(square, square);
        }
        return Multiply(first, power) ^ second;
    }

    private static uint Multiply(uint left, uint right)
    {
        uint product = 0;
        for (uint bit = 0x80000000; bit != 0; bit >>= 1)
        {
            if ((left & bit) != 0)
            {
                product ^= right;
            }
            right = (right & 1) != 0 ? (right >> 1) ^ Polynomial : right >> 1;
        }
        return product;
    }
}
