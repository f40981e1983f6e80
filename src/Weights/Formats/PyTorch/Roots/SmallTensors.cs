using System.Runtime.InteropServices;
using Weights.DTypes;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>
/// Tensors that say something about a model and are none of its weights, as numbers: the strides of a detector, the mean and deviation
/// that pictures are normalised with.
/// </summary>
internal static class SmallTensors
{
    private const int MaxElements = 64;

    /// <summary>A number, or lists of numbers nested as the dimensions are; null for what is larger, complex or cannot be read.</summary>
    public static MetadataValue? Convert(TorchTensor tensor)
    {
        if (!Fits(tensor))
        {
            return null;
        }
        try
        {
            Tensor read = tensor.ToTensor("");
            return read.Shape.ElementCount <= MaxElements ? Nested([.. Numbers(read)], read.Shape, 0) : null;
        }
        catch (WeightFileException)
        {
            return null; // Whoever asks says that it is left out.
        }
    }

    /// <summary>Whether a tensor is small enough, by what the pickle says of it; nothing is read.</summary>
    public static bool Fits(TorchTensor tensor) => tensor is { View: { Element.Model: { } dtype } view, Parts.Count: 0 }
        && dtype.Kind != DTypeKind.Complex && view.Bytes <= MaxElements * sizeof(double) && view.Shape.All(static size => size <= MaxElements);

    private static MetadataValue Nested(ReadOnlySpan<MetadataValue> numbers, Shape shape, int axis)
    {
        if (axis == shape.Rank)
        {
            return numbers[0];
        }
        MetadataValue[] items = new MetadataValue[shape[axis]];
        for (int index = 0; index < items.Length; index++)
        {
            int size = numbers.Length / items.Length;
            items[index] = Nested(numbers.Slice(index * size, size), shape, axis + 1);
        }
        return new MetadataValue.List(items);
    }

    private static IEnumerable<MetadataValue> Numbers(Tensor tensor)
    {
        byte[] bytes = new byte[tensor.Bytes.Length];
        tensor.Bytes.Read(0, bytes);
        bool isReal = tensor.DType.Kind == DTypeKind.Float;
        DType wide = isReal ? DType.F64 : DType.I64;
        byte[] numbers = new byte[tensor.Shape.ElementCount * wide.BlockBytes];
        if (bytes.Length > 0)
        {
            Conversion.Between(tensor.DType, wide)(bytes, numbers);
        }
        foreach (long bits in MemoryMarshal.Cast<byte, long>(numbers).ToArray())
        {
            yield return true switch
            {
                _ when isReal => new MetadataValue.Real(BitConverter.Int64BitsToDouble(bits)),
                _ when tensor.DType.Kind == DTypeKind.Bool => new MetadataValue.Bool(bits != 0),
                _ => new MetadataValue.Integer(bits),
            };
        }
    }
}
