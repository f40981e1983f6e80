using System.Buffers;
using Weights.Passes.Dialects;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>
/// The numbers of a weight as codes of few bits, row after row, in blocks that each have a scale and, where zero is not code 0, a zero point: made when they are read, each time anew, so that nothing of a weight is kept. Where codes are wanted, they are decoded again and compared
/// with what they were made of. A weight that comes of codes and scales keeps its scales, and so becomes the same codes again.
/// </summary>
internal sealed class CodedBlocks
{
    // 64 Ki floats stay in the second-level cache between reading, encoding and decoding.
    private const int BatchElements = 1 << 16;

    private readonly Dialects.Elements _numbers;
    private readonly Lazy<NumberRange> _range;
    private readonly Lazy<BlockCoder> _coder;
    private readonly Lazy<(float Scale, int ZeroPoint)?> _whole;
    private readonly ScaledCodes? _known;
    private readonly QuantizationErrors _errors;
    private readonly Rounded _rounded;
    private readonly (long Length, long Padding) _row;
    private readonly KeptScales? _kept; // Where they take time to find.

    /// <summary>Blocks of a weight.</summary>
    /// <param name="weight">Its numbers, and scales and zero points that they have, if these are not to be found.</param>
    /// <param name="blockLength">Numbers of a block.</param>
    /// <param name="recipe">How they are encoded.</param>
    public CodedBlocks(PackingSource weight, int blockLength, BlockRecipe recipe)
    {
        (Tensor tensor, _known, _errors) = weight;
        (Elements, BlockLength) = (tensor.Shape.ElementCount, blockLength);
        _row = (weight.Padding == 0 ? Elements : tensor.Shape[1], weight.Padding);
        _kept = _known is null && !recipe.IsWhole ? weight.Kept : null;
        _numbers = Dialects.Elements.Of(tensor.Bytes.Crc32 is null ? tensor : new Tensor(tensor.Name, tensor.DType, tensor.Shape, new CheckedBytes(tensor.Bytes)));
        // What a runtime makes of the codes is of the type in which it multiplies; what was of 16 bits before says no more than that.
        _rounded = new Rounded(_known is not null && recipe.Result == DType.F32 && (tensor.DType == DType.F16 || tensor.DType == DType.BF16) ? tensor.DType : recipe.Result);
        _range = new(FindRange);
        _coder = new(() => recipe.Coder(recipe.NeedsRange ? Range : default));
        _whole = new(() => recipe.IsWhole ? _coder.Value.Fit(Range, ReadAll) : null);
    }

    /// <summary>Numbers in all.</summary>
    public long Elements { get; }

    /// <summary>Numbers of a block; the last may have fewer.</summary>
    public int BlockLength { get; }

    /// <summary>Blocks in all.</summary>
    public long Count => (Elements + BlockLength - 1) / BlockLength;

    /// <summary>The range of all numbers, for which the whole tensor is read once.</summary>
    public NumberRange Range => _range.Value;

    /// <summary>As <see cref="ByteSource.ReadsForward"/>.</summary>
    public bool ReadsForward => _numbers.ReadsForward;

    /// <summary>Makes some blocks.</summary>
    /// <param name="first">Index of the first.</param>
    /// <param name="codes">Receives a byte for each number, integers as signed ones; empty where codes are not wanted, else as long as the blocks.</param>
    /// <param name="scales">Receives the scale of each block as it is stored.</param>
    /// <param name="zeroPoints">Receives the zero point of each block; empty where they are not wanted.</param>
    public void Read(long first, Span<byte> codes, Span<float> scales, Span<sbyte> zeroPoints)
    {
        bool hasCodes = !codes.IsEmpty;
        if (!hasCodes && _kept is not null && _kept.TryRead(first, scales, zeroPoints))
        {
            return;
        }
        int perBatch = Math.Max(1, BatchElements / BlockLength);
        int most = ElementsOf(first, Math.Min(perBatch, scales.Length));
        float[] buffer = ArrayPool<float>.Shared.Rent(2 * most);
        sbyte[] zeros = ArrayPool<sbyte>.Shared.Rent(perBatch);
        DifferenceSums sums = new();
        long saturated = 0;
        long start = first;
        try
        {
            while (!scales.IsEmpty)
            {
                int count = Math.Min(perBatch, scales.Length);
                int elements = ElementsOf(first, count);
                Batch batch = new(buffer.AsSpan(0, elements), hasCodes ? codes[..elements] : [], buffer.AsSpan(most, elements), scales[..count], zeros.AsSpan(0, count));
                _known?.Read(first * BlockLength, BlockLength, batch.Scales, batch.ZeroPoints);
                if (_known is null || hasCodes)
                {
                    _numbers.Read(first * BlockLength, batch.Numbers);
                    saturated += Make(batch);
                }
                if (hasCodes)
                {
                    _rounded.Round(batch.Decoded);
                    Compare(batch, first * BlockLength, sums);
                    _kept?.Keep(Count, first, batch.Scales, batch.ZeroPoints);
                    codes = codes[elements..];
                }
                if (!zeroPoints.IsEmpty)
                {
                    batch.ZeroPoints.CopyTo(zeroPoints);
                    zeroPoints = zeroPoints[count..];
                }
                first += count;
                scales = scales[count..];
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(buffer);
            ArrayPool<sbyte>.Shared.Return(zeros);
        }
        if (hasCodes)
        {
            _errors.Saw(start * BlockLength, Math.Min(first * BlockLength, Elements) - (start * BlockLength), sums, saturated);
        }
    }

    private void Compare(Batch batch, long first, DifferenceSums sums)
    {
        for (int index = 0; index < batch.Numbers.Length;)
        {
            long column = (first + index) % _row.Length;
            int counting = (int)Math.Clamp(_row.Length - _row.Padding - column, 0, batch.Numbers.Length - index);
            sums.Add(batch.Numbers.Slice(index, counting), batch.Decoded.Slice(index, counting), first + index, Tolerance.None);
            index += (int)Math.Min(_row.Length - column, batch.Numbers.Length - index);
        }
    }

    private long Make(Batch batch)
    {
        (BlockCoder coder, (float, int)? whole) = (_coder.Value, _whole.Value);
        long saturated = 0;
        for (int block = 0; block < batch.Scales.Length; block++)
        {
            int start = block * BlockLength;
            int length = Math.Min(batch.Numbers.Length - start, BlockLength);
            ReadOnlySpan<float> own = batch.Numbers.Slice(start, length);
            if (_known is null)
            {
                (batch.Scales[block], int fitted) = whole ?? coder.Fit(own);
                batch.ZeroPoints[block] = (sbyte)fitted;
            }
            if (!batch.Codes.IsEmpty)
            {
                (float scale, int zeroPoint) = (batch.Scales[block], batch.ZeroPoints[block]);
                Span<byte> ownCodes = batch.Codes.Slice(start, length);
                saturated += coder.Encode(own, scale, zeroPoint, ownCodes);
                coder.Decode(ownCodes, scale, zeroPoint, batch.Decoded.Slice(start, length));
            }
        }
        return saturated;
    }

    // Numbers of some blocks.
    private int ElementsOf(long first, int count) => (int)Math.Min((long)count * BlockLength, Elements - (first * BlockLength));

    private NumberRange FindRange()
    {
        NumberRange range = default;
        ReadAll(numbers => range = range.With(NumberRange.Of(numbers)));
        return range;
    }

    private void ReadAll(Action<ReadOnlySpan<float>> reader)
    {
        float[] numbers = ArrayPool<float>.Shared.Rent(BatchElements);
        try
        {
            for (long first = 0; first < Elements; first += BatchElements)
            {
                Span<float> batch = numbers.AsSpan(0, (int)Math.Min(BatchElements, Elements - first));
                _numbers.Read(first, batch);
                reader(batch);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(numbers);
        }
    }

    /// <summary>Some blocks.</summary>
    private readonly ref struct Batch(Span<float> numbers, Span<byte> codes, Span<float> decoded, Span<float> scales, Span<sbyte> zeroPoints)
    {
        public Span<float> Numbers { get; } = numbers;

        public Span<byte> Codes { get; } = codes;

        public Span<float> Decoded { get; } = decoded;

        public Span<float> Scales { get; } = scales;

        public Span<sbyte> ZeroPoints { get; } = zeroPoints;
    }
}

/// <summary>How blocks are encoded.</summary>
/// <param name="Coder">The coder, given the range of all numbers.</param>
/// <param name="Result">F32, or the 16-bit type in which runtimes multiply.</param>
/// <param name="NeedsRange">Whether the coder depends on that range.</param>
/// <param name="IsWhole">Whether all blocks have the scale that fits all numbers.</param>
internal sealed record BlockRecipe(Func<NumberRange, BlockCoder> Coder, DType Result, bool NeedsRange = false, bool IsWhole = false);
