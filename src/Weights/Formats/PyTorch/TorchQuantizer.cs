namespace Weights.Formats.PyTorch;

/// <summary>What the integers of a quantised tensor stand for: <c>(integer - zero point) · scale</c>, for all of it or for each index of an axis.</summary>
/// <param name="Scheme">Torch's name of the scheme, <c>torch.per_channel_affine</c> for example.</param>
/// <param name="Element">The quantised type, for example <c>qint8</c>.</param>
/// <param name="Scale">One number, or one for each channel.</param>
/// <param name="ZeroPoint">As many.</param>
/// <param name="Axis">The dimension of the channels; null where one scale is for all.</param>
internal sealed record TorchQuantizer(string Scheme, TorchElement Element, TorchTensor Scale, TorchTensor ZeroPoint, long? Axis)
{
    /// <summary>Both as parts of the tensor.</summary>
    public IReadOnlyList<TorchPart> Parts => [new("scale", Scale), new("zero_point", ZeroPoint)];

    /// <summary>The type of the integers themselves, as torch's <c>int_repr()</c> has them; null for those that share bytes.</summary>
    public static TorchElement? Integers(TorchElement quantized) => quantized.Name switch
    {
        "qint8" => TorchElement.OfDType("torch.int8"),
        "quint8" => TorchElement.OfDType("torch.uint8"),
        "qint32" => TorchElement.OfDType("torch.int32"),
        _ => null,
    };

    /// <summary>What the metadata says of the tensor.</summary>
    public MetadataValue.Map Facts => new(
    [
        new("dtype", new MetadataValue.Text($"torch.{Element.Name}")),
        new("qscheme", new MetadataValue.Text(Scheme)),
        .. Axis is { } axis ? [new("axis", new MetadataValue.Integer(axis))] : (KeyValuePair<string, MetadataValue>[])[],
    ]);

    /// <summary>The numbers that the integers stand for, in F32.</summary>
    /// <exception cref="WeightFileException">The scales do not fit the tensor; the exception names it.</exception>
    public Tensor Dequantize(Tensor integers)
    {
        Tensor scale = Scale.ToTensor($"{integers.Name}.scale");
        Tensor zeroPoint = ZeroPoint.ToTensor($"{integers.Name}.zero_point");
        Shape shape = integers.Shape;
        if (Axis is { } axis && (axis < 0 || axis >= shape.Rank || scale.Shape.Rank != 1 || scale.Shape[0] != shape[(int)axis]))
        {
            throw new WeightFileException(Fault.Corrupt, $"has the shape {shape} and {scale.Shape.ElementCount:N0} scales for its dimension {axis}, which do not fit each other", tensor: integers.Name);
        }
        if (scale.Shape.ElementCount != zeroPoint.Shape.ElementCount || Axis is null && scale.Shape.ElementCount != 1)
        {
            throw new WeightFileException(Fault.Corrupt, $"has {scale.Shape.ElementCount:N0} scales and {zeroPoint.Shape.ElementCount:N0} zero points, which do not fit each other", tensor: integers.Name);
        }
        if (scale.DType.Name is not ("F32" or "F64") || zeroPoint.DType.Name is not ("I64" or "I32" or "F32"))
        {
            throw new WeightFileException(Fault.Unsupported, $"has scales of {scale.DType.Name} and zero points of {zeroPoint.DType.Name}, which are not read; leave out --dequantize", tensor: integers.Name);
        }
        long channelElements = 1;
        for (int dimension = Axis is { } first ? (int)first + 1 : shape.Rank; dimension < shape.Rank; dimension++)
        {
            channelElements *= Math.Max(shape[dimension], 1);
        }
        DType single = TorchElement.OfDType("torch.float32")!.Model!;
        return new Tensor(integers.Name, single, shape, new DequantizedBytes(integers, scale, zeroPoint, Axis is null ? null : channelElements));
    }
}
