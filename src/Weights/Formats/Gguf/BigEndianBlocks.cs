using System.Collections.Frozen;
using Weights.IO;

namespace Weights.Formats.Gguf;

/// <summary>Quantised blocks of a big-endian file, made little-endian: only their scales are words, the rest are bytes.</summary>
internal sealed class BigEndianBlocks : UnitBytes
{
    // Where the scales of 16 bits stand, for the types that the format's own converter between byte orders knows.
    private static readonly FrozenDictionary<string, int[]> s_scales = new Dictionary<string, int[]>
    {
        ["Q4_0"] = [0],
        ["Q8_0"] = [0],
        ["Q4_K"] = [0, 2],
        ["Q6_K"] = [208],
        ["MXFP4"] = [],
    }.ToFrozenDictionary();

    private readonly ByteSource _source;
    private readonly int _blockBytes;
    private readonly int[] _scales;

    private BigEndianBlocks(ByteSource source, int blockBytes, int[] scales)
        : base(blockBytes) => (_source, _blockBytes, _scales) = (source, blockBytes, scales);

    /// <inheritdoc/>
    public override long Length => _source.Length;

    /// <summary>The bytes of a tensor in little-endian order.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: blocks of which nobody says how they look in that order.</exception>
    public static ByteSource Create(ByteSource source, DType dtype, string tensor)
    {
        if (dtype.Kind != DTypeKind.Quantized)
        {
            return ByteSwappedBytes.Create(source, dtype.WordBytes);
        }
        return s_scales.TryGetValue(dtype.Name, out int[]? scales)
            ? new BigEndianBlocks(source, dtype.BlockBytes, scales)
            : throw new WeightFileException(Fault.Unsupported, $"is {dtype} in a big-endian file, of which there is no definition; get the little-endian one", tensor: tensor);
    }

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        _source.Read(first * _blockBytes, units);
        for (int block = 0; block < units.Length; block += _blockBytes)
        {
            foreach (int scale in _scales)
            {
                (units[block + scale], units[block + scale + 1]) = (units[block + scale + 1], units[block + scale]);
            }
        }
    }
}
