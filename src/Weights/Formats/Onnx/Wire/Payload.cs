namespace Weights.Formats.Onnx.Wire;

/// <summary>Elements of a tensor as they stand in a file: one field, or a run of fields of one element each.</summary>
/// <param name="Field">Number of the field.</param>
/// <param name="Type">How it is stored: <see cref="WireType.Delimited"/> for bytes and packed numbers, else one number to a field.</param>
/// <param name="Head">What stands before the values: tag and length; nothing for a run, whose values have their tags among them.</param>
/// <param name="Values">The values.</param>
/// <param name="Offset">Where <paramref name="Head"/> begins in the file it was read from.</param>
internal sealed record Payload(int Field, WireType Type, ReadOnlyMemory<byte> Head, ByteSource Values, long Offset)
{
    /// <summary>Number of the field of raw bytes.</summary>
    public const int RawField = 9;

    /// <summary>Bytes in the file.</summary>
    public long Length => Head.Length + Values.Length;

    /// <summary>Name of the tensor that <see cref="Values"/> are, for messages while they are written.</summary>
    public string? Tensor { get; init; }

    /// <summary>The raw bytes of a tensor, to be written.</summary>
    public static Payload Raw(ByteSource values, string tensor) => Delimited(RawField, values) with { Tensor = tensor };

    /// <summary>A field of bytes, to be written.</summary>
    public static Payload Delimited(int field, ByteSource values)
    {
        byte[] head = new byte[1 + WireCursor.LongestVarint];
        int length = WireCursor.WriteVarint(WireCursor.Tag(field, WireType.Delimited), head);
        length += WireCursor.WriteVarint((ulong)values.Length, head.AsSpan(length));
        return new Payload(field, WireType.Delimited, head.AsMemory(0, length), values, 0);
    }
}
