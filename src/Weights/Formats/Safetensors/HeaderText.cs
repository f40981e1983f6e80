using System.Buffers;
using System.Buffers.Binary;
using Weights.IO;

namespace Weights.Formats.Safetensors;

/// <summary>The head of a file being written: length and JSON, byte for byte as the reference library's <c>serialize</c> writes them.</summary>
internal static class HeaderText
{
    private const int Alignment = 8;

    /// <summary>Tensors in the order that the library writes them: by type, largest alignment first, then by name.</summary>
    public static Tensor[] Sorted(IEnumerable<Tensor> tensors) =>
        [.. tensors.OrderByDescending(static tensor => StoredTypes.Rank(tensor.DType)).ThenBy(static tensor => tensor.Name, CodePointOrder.Instance)];

    /// <summary>The bytes before the tensors.</summary>
    /// <param name="tensors">Tensors, sorted; their bytes follow in this order without gaps.</param>
    /// <param name="metadata">Entries of the metadata, in order; text that UTF-8 can hold.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Unsupported"/>: the header gets longer than readers take.</exception>
    public static byte[] Build(IReadOnlyList<Tensor> tensors, IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        ArrayBufferWriter<byte> head = new(1024);
        head.Advance(Header.LengthBytes);
        head.Write("{"u8);
        if (metadata.Count > 0)
        {
            head.WriteQuoted(HeaderReader.MetadataKey);
            head.Write(":{"u8);
            WriteMetadata(head, metadata);
            head.Write("}"u8);
        }
        long offset = 0;
        for (int index = 0; index < tensors.Count; index++)
        {
            if (index > 0 || metadata.Count > 0)
            {
                head.Write(","u8);
            }
            WriteTensor(head, tensors[index], offset);
            offset += tensors[index].Bytes.Length;
            CheckLength(head.WrittenCount);
        }
        head.Write("}"u8);
        while (head.WrittenCount % Alignment != 0)
        {
            head.Write(" "u8);
        }
        CheckLength(head.WrittenCount);
        byte[] bytes = head.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length - Header.LengthBytes);
        return bytes;
    }

    private static void WriteMetadata(ArrayBufferWriter<byte> head, IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        for (int index = 0; index < metadata.Count; index++)
        {
            if (index > 0)
            {
                head.Write(","u8);
            }
            head.WriteQuoted(metadata[index].Key);
            head.Write(":"u8);
            head.WriteQuoted(metadata[index].Value);
            CheckLength(head.WrittenCount);
        }
    }

    private static void WriteTensor(ArrayBufferWriter<byte> head, Tensor tensor, long offset)
    {
        head.WriteQuoted(tensor.Name);
        head.Write(":{\"dtype\":"u8);
        head.WriteQuoted(tensor.DType.Name);
        head.Write(",\"shape\":["u8);
        ReadOnlySpan<long> dimensions = tensor.Shape.Dimensions;
        for (int axis = 0; axis < dimensions.Length; axis++)
        {
            if (axis > 0)
            {
                head.Write(","u8);
            }
            head.WriteDecimal(dimensions[axis]);
        }
        head.Write("],\"data_offsets\":["u8);
        head.WriteDecimal(offset);
        head.Write(","u8);
        head.WriteDecimal(offset + tensor.Bytes.Length);
        head.Write("]}"u8);
    }

    private static void CheckLength(int written)
    {
        if (written - Header.LengthBytes > Header.MaxBytes)
        {
            throw new WeightFileException(Fault.Unsupported, $"the header would be longer than the {Header.MaxBytes:N0} bytes that readers take; write several files with --max-shard-size, or leave out with --exclude");
        }
    }
}
