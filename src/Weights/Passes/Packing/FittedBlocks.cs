using System.Buffers;
using Weights.Passes.Dialects;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>
/// Blocks made of floating-point numbers when they are read, each time anew, so that nothing of a weight is kept. Where codes are wanted, they are decoded again and compared
/// with what they were made of.
/// </summary>
internal sealed class FittedBlocks : CodedBlocks
{
    // 64 Ki floats stay in the second-level cache between reading, encoding and decoding.
    private const int BatchElements = 1 << 16;

    private readonly Dialects.Elements _numbers;
    private readonly Lazy<NumberRange> _range;
    private readonly Lazy<BlockCoder> _coder;
    private readonly Lazy<(float Scale, int ZeroPoint)?> _whole;
    private readonly QuantizationErrors? _errors;
    private readonly Rounded _rounded;

    private FittedBlocks(Tensor tensor, BlockRecipe recipe, QuantizationErrors? errors)
    {
        _numbers = Dialects.Elements.Of(tensor.Bytes.Crc32 is null ? tensor : new Tensor(tensor.Name, tensor.DType, tensor.Shape, new CheckedBytes(tensor.Bytes)));
        _errors = errors;
        _rounded = new Rounded(recipe.Result); // What a runtime makes of the codes is of the type in which it multiplies.
        _range = new(FindRange);
        _coder = new(() => recipe.Coder(recipe.NeedsRange ? Range : default));
        _whole = new(() => recipe.IsWhole ? _coder.Value.Fit(Range) : null);
    }

    /// <summary>Blocks of a tensor.</summary>
    /// <param name="tensor">Floating-point numbers.</param>
    /// <param name="blockLength">Numbers of a block.</param>
    /// <param name="recipe">How they are encoded.</param>
    /// <param name="errors">Is told how far the numbers moved whenever codes are read; null for nobody.</param>
    public static FittedBlocks Of(Tensor tensor, int blockLength, BlockRecipe recipe, QuantizationErrors? errors) =>
        new(tensor, recipe, errors) { Elements = tensor.Shape.ElementCount, BlockLength = blockLength };

    /// <summary>The range of all numbers, for which the whole tensor is read once.</summary>
    public NumberRange Range => _range.Value;

    public override bool ReadsForward => _numbers.ReadsForward;

    public override void Read(long first, Span<byte> codes, Span<float> scales, Span<sbyte> zeroPoints)
    {
        bool hasCodes = !codes.IsEmpty;
        int perBatch = Math.Max(1, BatchElements / BlockLength);
        int most = ElementsOf(first, Math.Min(perBatch, scales.Length));
        float[] numbers = ArrayPool<float>.Shared.Rent(most);
        float[] decoded = hasCodes ? ArrayPool<float>.Shared.Rent(most) : [];
        DifferenceSums sums = new();
        long saturated = 0;
        long start = first;
        try
        {
            while (!scales.IsEmpty)
            {
                int count = Math.Min(perBatch, scales.Length);
                Span<float> batch = numbers.AsSpan(0, ElementsOf(first, count));
                _numbers.Read(first * BlockLength, batch);
                Span<float> again = hasCodes ? decoded.AsSpan(0, batch.Length) : [];
                saturated += Make(batch, hasCodes ? codes[..batch.Length] : [], again, scales[..count], zeroPoints.IsEmpty ? [] : zeroPoints[..count]);
                if (hasCodes)
                {
                    _rounded.Round(again);
                    sums.Add(batch, again, first * BlockLength, Tolerance.None);
                    codes = codes[batch.Length..];
                }
                first += count;
                scales = scales[count..];
                zeroPoints = zeroPoints.IsEmpty ? [] : zeroPoints[count..];
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(numbers);
            if (hasCodes)
            {
                ArrayPool<float>.Shared.Return(decoded);
            }
        }
        if (hasCodes)
        {
            _errors?.Saw(start * BlockLength, Math.Min(first * BlockLength, Elements) - (start * BlockLength), sums, saturated);
        }
    }

    private long Make(ReadOnlySpan<float> numbers, Span<byte> codes, Span<float> decoded, Span<float> scales, Span<sbyte> zeroPoints)
    {
        (BlockCoder coder, (float, int)? whole) = (_coder.Value, _whole.Value);
        long saturated = 0;
        for (int block = 0; block < scales.Length; block++)
        {
            int start = block * BlockLength;
            ReadOnlySpan<float> own = numbers[start..Math.Min(numbers.Length, start + BlockLength)];
            (float scale, int zeroPoint) = whole ?? coder.Fit(own);
            scales[block] = scale;
            if (!zeroPoints.IsEmpty)
            {
                zeroPoints[block] = (sbyte)zeroPoint;
            }
            if (!codes.IsEmpty)
            {
                Span<byte> ownCodes = codes.Slice(start, own.Length);
                saturated += coder.Encode(own, scale, zeroPoint, ownCodes);
                coder.Decode(ownCodes, scale, zeroPoint, decoded.Slice(start, own.Length));
            }
        }
        return saturated;
    }

    private NumberRange FindRange()
    {
        float[] numbers = ArrayPool<float>.Shared.Rent(BatchElements);
        try
        {
            NumberRange range = default;
            for (long first = 0; first < Elements; first += BatchElements)
            {
                Span<float> batch = numbers.AsSpan(0, (int)Math.Min(BatchElements, Elements - first));
                _numbers.Read(first, batch);
                range = range.With(NumberRange.Of(batch));
            }
            return range;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(numbers);
        }
    }
}

/// <summary>How blocks are encoded.</summary>
/// <param name="Coder">The coder, given the range of all numbers.</param>
/// <param name="Result">F32, or the 16-bit type in which runtimes multiply.</param>
/// <param name="NeedsRange">Whether the coder depends on that range.</param>
/// <param name="IsWhole">Whether all blocks have the scale that fits all numbers.</param>
internal sealed record BlockRecipe(Func<NumberRange, BlockCoder> Coder, DType Result, bool NeedsRange = false, bool IsWhole = false);
