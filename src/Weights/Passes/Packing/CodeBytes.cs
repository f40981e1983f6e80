using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weights.IO;

namespace Weights.Passes.Packing;

/// <summary>How codes lie in bytes.</summary>
/// <param name="Bits">4, two codes to a byte, or 8.</param>
/// <param name="Offset">What is added to a code before it is stored.</param>
/// <param name="IsHighFirst">Of two codes, whether the first is in the higher bits.</param>
/// <param name="Alignment">A block fills whole units of so many bytes; bits that are left are 0.</param>
internal readonly record struct CodePacking(int Bits, int Offset = 0, bool IsHighFirst = false, int Alignment = 1)
{
    /// <summary>Bytes of a block.</summary>
    public int Bytes(int codes) => (((codes * Bits) + 7) / 8 + Alignment - 1) / Alignment * Alignment;

    /// <summary>Packs the codes of one block, or of several without unused bits between them.</summary>
    /// <param name="codes">The codes; they are changed.</param>
    /// <param name="target">Receives them.</param>
    public void Pack(Span<byte> codes, Span<byte> target)
    {
        if (Offset != 0)
        {
            Add(codes, (byte)Offset);
        }
        if (Bits == 8)
        {
            codes.CopyTo(target);
            target[codes.Length..].Clear();
            return;
        }
        int index = 0;
        for (; index + 32 <= codes.Length; index += 32)
        {
            Vector256<ushort> pairs = Vector256.Create<byte>(codes.Slice(index, 32)).AsUInt16() & Vector256.Create((ushort)0x0F0F);
            Vector256<ushort> bytes = IsHighFirst ? (pairs << 4) | (pairs >>> 8) : pairs | (pairs >>> 4);
            bytes &= Vector256.Create((ushort)0xFF);
            Vector128.Narrow(bytes.GetLower(), bytes.GetUpper()).CopyTo(target[(index / 2)..]);
        }
        target[(index / 2)..].Clear();
        for (; index < codes.Length; index++)
        {
            bool isHigh = (index & 1) == 1 != IsHighFirst;
            target[index / 2] |= (byte)((codes[index] & 0xF) << (isHigh ? 4 : 0));
        }
    }

    private static void Add(Span<byte> codes, byte offset)
    {
        Span<Vector256<byte>> vectors = MemoryMarshal.Cast<byte, Vector256<byte>>(codes);
        foreach (ref Vector256<byte> vector in vectors)
        {
            vector += Vector256.Create(offset);
        }
        foreach (ref byte code in codes[(vectors.Length * Vector256<byte>.Count)..])
        {
            code = unchecked((byte)(code + offset));
        }
    }
}

/// <summary>The codes of a weight, packed.</summary>
internal sealed class CodeBytes : UnitBytes
{
    private const int BatchElements = 1 << 16;

    private readonly CodedBlocks _blocks;
    private readonly CodePacking _packing;
    private readonly int _unitBytes;

    /// <param name="blocks">The codes.</param>
    /// <param name="packing">How they are packed.</param>
    public CodeBytes(CodedBlocks blocks, CodePacking packing)
        : base(packing.Bytes(blocks.BlockLength))
    {
        (_blocks, _packing, _unitBytes) = (blocks, packing, packing.Bytes(blocks.BlockLength));
        long whole = blocks.Elements / blocks.BlockLength;
        Length = checked((whole * _unitBytes) + packing.Bytes((int)(blocks.Elements - (whole * blocks.BlockLength))));
    }

    public override long Length { get; }

    public override bool ReadsForward => _blocks.ReadsForward;

    protected override void ReadUnits(long first, Span<byte> units)
    {
        int perBatch = Math.Max(1, BatchElements / _blocks.BlockLength);
        int most = Math.Min(perBatch, units.Length / _unitBytes);
        byte[] codes = ArrayPool<byte>.Shared.Rent(most * _blocks.BlockLength);
        float[] scales = ArrayPool<float>.Shared.Rent(most);
        // Blocks without unused bits between them are as one.
        bool isDense = _unitBytes * 8 == _blocks.BlockLength * _packing.Bits;
        try
        {
            while (!units.IsEmpty)
            {
                int count = Math.Min(perBatch, units.Length / _unitBytes);
                int elements = (int)Math.Min((long)count * _blocks.BlockLength, _blocks.Elements - (first * _blocks.BlockLength));
                _blocks.Read(first, codes.AsSpan(0, elements), scales.AsSpan(0, count), []);
                Span<byte> target = units[..(count * _unitBytes)];
                for (int block = 0; block < (isDense ? 1 : count); block++)
                {
                    Range own = isDense ? ..elements : (block * _blocks.BlockLength)..Math.Min(elements, (block + 1) * _blocks.BlockLength);
                    _packing.Pack(codes.AsSpan(own), isDense ? target : target.Slice(block * _unitBytes, _unitBytes));
                }
                first += count;
                units = units[target.Length..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(codes);
            ArrayPool<float>.Shared.Return(scales);
        }
    }
}
