namespace Weights.DTypes;

/// <summary>Four numbers of six bits in three bytes: number i is bits 6i to 6i + 5, counted from the lowest bit of byte 0.</summary>
internal readonly struct PackedSixBits
{
    public const int Count = 4;

    private readonly byte _byte0;
    private readonly byte _byte1;
    private readonly byte _byte2;

    public PackedSixBits(uint first, uint second, uint third, uint fourth)
    {
        uint all = first | (second << 6) | (third << 12) | (fourth << 18);
        _byte0 = (byte)(all & 0xFF);
        _byte1 = (byte)((all >> 8) & 0xFF);
        _byte2 = (byte)(all >> 16);
    }

    public uint this[int index] => (((uint)_byte0 | ((uint)_byte1 << 8) | ((uint)_byte2 << 16)) >> (6 * index)) & 0x3F;
}
