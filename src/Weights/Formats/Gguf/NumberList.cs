using System.Collections;
using System.Runtime.InteropServices;

namespace Weights.Formats.Gguf;

/// <summary>An array of numbers as it stands in the file, each made a value only when it is looked at: vocabularies have arrays of hundreds of thousands.</summary>
/// <param name="words">The numbers, in the machine's byte order.</param>
/// <param name="type">Their type.</param>
internal sealed class NumberList(byte[] words, ValueType type) : IReadOnlyList<MetadataValue>
{
    private readonly int _wordBytes = Bytes(type);

    /// <inheritdoc/>
    public int Count => words.Length / _wordBytes;

    /// <inheritdoc/>
    public MetadataValue this[int index] => Value(words.AsSpan(index * _wordBytes, _wordBytes), type);

    /// <inheritdoc/>
    public IEnumerator<MetadataValue> GetEnumerator()
    {
        for (int index = 0; index < Count; index++)
        {
            yield return this[index];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Bytes of a number of that type.</summary>
    public static int Bytes(ValueType type) => type switch
    {
        ValueType.U8 or ValueType.I8 or ValueType.Bool => 1,
        ValueType.U16 or ValueType.I16 => 2,
        ValueType.U32 or ValueType.I32 or ValueType.F32 => 4,
        ValueType.U64 or ValueType.I64 or ValueType.F64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "is no number"),
    };

    /// <summary>One number as a value.</summary>
    public static MetadataValue Value(ReadOnlySpan<byte> word, ValueType type) => type switch
    {
        ValueType.U8 => new MetadataValue.Integer(word[0]),
        ValueType.I8 => new MetadataValue.Integer(unchecked((sbyte)word[0])),
        ValueType.Bool => new MetadataValue.Bool(word[0] != 0),
        ValueType.U16 => new MetadataValue.Integer(MemoryMarshal.Read<ushort>(word)),
        ValueType.I16 => new MetadataValue.Integer(MemoryMarshal.Read<short>(word)),
        ValueType.U32 => new MetadataValue.Integer(MemoryMarshal.Read<uint>(word)),
        ValueType.I32 => new MetadataValue.Integer(MemoryMarshal.Read<int>(word)),
        ValueType.U64 when MemoryMarshal.Read<ulong>(word) is > long.MaxValue and var large => new MetadataValue.Text(large.ToString()),
        ValueType.U64 or ValueType.I64 => new MetadataValue.Integer(MemoryMarshal.Read<long>(word)),
        ValueType.F32 => new MetadataValue.Real(Shortest(MemoryMarshal.Read<float>(word))),
        ValueType.F64 => new MetadataValue.Real(MemoryMarshal.Read<double>(word)),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "is no number"),
    };

    // 1e-05 and not 9.999999747378752e-06: the double whose digits are the float's, and that is the same float again.
    private static double Shortest(float value) => double.Parse(value.ToString("R")) is var shortest && (float)shortest == value ? shortest : value;
}
