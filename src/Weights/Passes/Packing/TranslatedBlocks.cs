using System.Buffers;
using Weights.Passes.Dialects;
using Weights.Passes.Diff;
using Weights.Passes.Quantize;

namespace Weights.Passes.Packing;

/// <summary>Blocks of a weight that was packed with integers before: the same integers, scales and zero points. What they stand for is compared with what it was all the same.</summary>
/// <param name="weight">The weight, unpacked.</param>
/// <param name="grid">What it was packed as.</param>
/// <param name="result">The type in which runtimes multiply.</param>
/// <param name="errors">Is told how far the numbers moved whenever codes are read.</param>
internal sealed class TranslatedBlocks(Tensor weight, IntegerGrid grid, DType result, QuantizationErrors errors) : CodedBlocks
{
    private readonly TensorElements _numbers = new(weight);
    private readonly Rounded _rounded = new(result);

    public override void Read(long first, Span<byte> codes, Span<float> scales, Span<sbyte> zeroPoints)
    {
        grid.Scales.Read(first, scales);
        int elements = ElementsOf(first, scales.Length);
        float[] before = ArrayPool<float>.Shared.Rent(elements);
        float[] after = ArrayPool<float>.Shared.Rent(elements);
        float[] zeros = ArrayPool<float>.Shared.Rent(scales.Length);
        try
        {
            Span<float> zero = zeros.AsSpan(0, scales.Length);
            zero.Clear();
            grid.ZeroPoints?.Read(first, zero);
            for (int block = 0; block < zeroPoints.Length; block++)
            {
                zeroPoints[block] = (sbyte)zero[block];
            }
            if (codes.IsEmpty)
            {
                return;
            }
            Span<float> numbers = after.AsSpan(0, elements);
            grid.Numbers.Read(first * BlockLength, numbers);
            for (int index = 0; index < elements; index++)
            {
                codes[index] = unchecked((byte)(sbyte)numbers[index]);
                numbers[index] = (numbers[index] - zero[index / BlockLength]) * scales[index / BlockLength];
            }
            _rounded.Round(numbers);
            _numbers.Read(first * BlockLength, before.AsSpan(0, elements));
            DifferenceSums sums = new();
            sums.Add(before.AsSpan(0, elements), numbers, first * BlockLength, Tolerance.None);
            errors.Saw(first * BlockLength, elements, sums, 0);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(before);
            ArrayPool<float>.Shared.Return(after);
            ArrayPool<float>.Shared.Return(zeros);
        }
    }
}
