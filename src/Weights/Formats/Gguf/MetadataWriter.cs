using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Weights.Formats.Gguf;

/// <summary>How the file that a checkpoint was read from stores its metadata: what a writer keeps.</summary>
/// <param name="Types">By key.</param>
/// <param name="IsPadded">Of a file without tensors, whether it is padded.</param>
internal sealed record OriginalTypes(IReadOnlyDictionary<string, StoredAs> Types, bool IsPadded);

/// <summary>Writes the entries of a file's metadata: each as the type that it had, else as the one that llama.cpp's own converters would choose.</summary>
internal static class MetadataWriter
{
    /// <summary>The entries that a file can hold, with their types.</summary>
    /// <param name="checkpoint">Whose metadata it is.</param>
    /// <param name="ledger">Is told what is restated or left out.</param>
    public static List<(string Key, MetadataValue Value, StoredAs Type)> Entries(Checkpoint checkpoint, Ledger ledger)
    {
        IReadOnlyDictionary<string, StoredAs>? original = (checkpoint.Original as OriginalTypes)?.Types;
        List<(string, MetadataValue, StoredAs)> entries = [];
        foreach ((string key, MetadataValue value) in checkpoint.Metadata)
        {
            if (key.Length == 0 || value is MetadataValue.Null)
            {
                ledger.Add(LedgerKind.LeftOut, $"metadata {key}", key.Length == 0 ? "has no key, which a GGUF file must have" : "is nothing, of which GGUF has no word");
                continue;
            }
            StoredAs? type = original is not null && original.TryGetValue(key, out StoredAs had) && Fits(value, had) ? had : Suitable(value);
            if (type is null)
            {
                ledger.Add(LedgerKind.Restated, $"metadata {key}", "is nested or of several types, which GGUF does not hold; it is kept as JSON text");
            }
            entries.Add((key, type is null ? new MetadataValue.Text(value.ToJson()) : value, type ?? new StoredAs(ValueType.String)));
        }
        return entries;
    }

    /// <summary>Writes an entry.</summary>
    public static void Write(IBufferWriter<byte> target, string key, MetadataValue value, StoredAs type)
    {
        Write(target, key);
        Write(target, (uint)type.Type);
        if (type.Type != ValueType.Array)
        {
            Write(target, value, type.Type);
            return;
        }
        IReadOnlyList<MetadataValue> items = ((MetadataValue.List)value).Items;
        Write(target, (uint)type.Items);
        Write(target, (ulong)items.Count);
        foreach (MetadataValue item in items)
        {
            Write(target, item, type.Items);
        }
    }

    /// <summary>Writes the length of a text, and the text.</summary>
    public static void Write(IBufferWriter<byte> target, string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        Write(target, (ulong)length);
        Encoding.UTF8.GetBytes(text, target);
    }

    /// <summary>Writes a number of 32 bits.</summary>
    public static void Write(IBufferWriter<byte> target, uint number)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target.GetSpan(sizeof(uint)), number);
        target.Advance(sizeof(uint));
    }

    /// <summary>Writes a number of 64 bits.</summary>
    public static void Write(IBufferWriter<byte> target, ulong number)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target.GetSpan(sizeof(ulong)), number);
        target.Advance(sizeof(ulong));
    }

    private static void Write(IBufferWriter<byte> target, MetadataValue value, ValueType type)
    {
        if (type == ValueType.String)
        {
            Write(target, ((MetadataValue.Text)value).Value);
            return;
        }
        Span<byte> word = target.GetSpan(sizeof(ulong));
        int length = NumberList.Bytes(type);
        switch (type)
        {
            case ValueType.Bool:
                word[0] = ((MetadataValue.Bool)value).Value ? (byte)1 : (byte)0;
                break;
            case ValueType.F32:
                BinaryPrimitives.WriteSingleLittleEndian(word, (float)Real(value));
                break;
            case ValueType.F64:
                BinaryPrimitives.WriteDoubleLittleEndian(word, Real(value));
                break;
            default:
                // The low bytes of two's complement are those of every integer type.
                BinaryPrimitives.WriteUInt64LittleEndian(word, value is MetadataValue.Text large ? ulong.Parse(large.Value) : unchecked((ulong)((MetadataValue.Integer)value).Value));
                break;
        }
        target.Advance(length);
    }

    private static double Real(MetadataValue value) => value is MetadataValue.Integer integer ? integer.Value : ((MetadataValue.Real)value).Value;

    private static bool Fits(MetadataValue value, StoredAs type) => type.Type == ValueType.Array
        ? value is MetadataValue.List list && list.Items.All(item => Fits(item, type.Items))
        : Fits(value, type.Type);

    private static bool Fits(MetadataValue value, ValueType type) => (type, value) switch
    {
        (ValueType.String, MetadataValue.Text) or (ValueType.Bool, MetadataValue.Bool) => true,
        (ValueType.F64, MetadataValue.Real) => true,
        (ValueType.F32, MetadataValue.Real real) => IsSingle(real.Value),
        (ValueType.F32 or ValueType.F64, MetadataValue.Integer integer) => Math.Abs(integer.Value) <= 1 << 24,
        (ValueType.U8, MetadataValue.Integer integer) => integer.Value is >= byte.MinValue and <= byte.MaxValue,
        (ValueType.I8, MetadataValue.Integer integer) => integer.Value is >= sbyte.MinValue and <= sbyte.MaxValue,
        (ValueType.U16, MetadataValue.Integer integer) => integer.Value is >= ushort.MinValue and <= ushort.MaxValue,
        (ValueType.I16, MetadataValue.Integer integer) => integer.Value is >= short.MinValue and <= short.MaxValue,
        (ValueType.U32, MetadataValue.Integer integer) => integer.Value is >= uint.MinValue and <= uint.MaxValue,
        (ValueType.I32, MetadataValue.Integer integer) => integer.Value is >= int.MinValue and <= int.MaxValue,
        (ValueType.U64, MetadataValue.Integer integer) => integer.Value >= 0,
        (ValueType.U64, MetadataValue.Text text) => ulong.TryParse(text.Value, out ulong large) && large > long.MaxValue && large.ToString() == text.Value,
        (ValueType.I64, MetadataValue.Integer) => true,
        _ => false,
    };

    private static StoredAs? Suitable(MetadataValue value)
    {
        if (value is not MetadataValue.List list)
        {
            ValueType[] singles = [ValueType.String, ValueType.Bool, ValueType.U32, ValueType.I32, ValueType.I64, ValueType.F32, ValueType.F64];
            return singles.Cast<ValueType?>().FirstOrDefault(type => Fits(value, type!.Value)) is { } single ? new StoredAs(single) : null;
        }
        ValueType[] items = [ValueType.String, ValueType.Bool, ValueType.I32, ValueType.U32, ValueType.I64, ValueType.F32, ValueType.F64];
        return items.Cast<ValueType?>().FirstOrDefault(type => list.Items.All(item => Fits(item, type!.Value))) is { } common ? new StoredAs(ValueType.Array, common) : null;
    }

    // Its digits are those of a float, or it is one.
    private static bool IsSingle(double value) => !double.IsFinite(value) || (double)(float)value == value || double.Parse(((float)value).ToString("R")) == value;
}
