using Weights.Formats.Onnx.Wire;

namespace Weights.Formats.Onnx.Reading;

/// <summary>
/// Tells what a file is by its outermost fields: protobuf has no magic number. Every field must have a number and a form that the
/// message gives it, and they must end where the file ends, or go on beyond it where enough has been seen before.
/// </summary>
internal static class Recognition
{
    // Versions have come to 14 in nine years.
    private const long HighestIrVersion = 1000;
    private const int HighestElementType = 100;
    private const int HighestSequenceType = 5;
    private const int DeepestSequence = 16;

    // A model may have fields that are newer than this program.
    private const int HighestModelField = 200;

    /// <summary>What the file is; <see cref="MessageKind.Other"/> for what is none of ONNX's.</summary>
    public static MessageKind Of(ByteSource file)
    {
        if (file.Length == 0)
        {
            return MessageKind.Other;
        }
        // A sequence could be taken for a tensor whose shape is its name; what is in it could not.
        return IsModel(file) ? MessageKind.Model
            : IsSequence(file, 1) ? MessageKind.Sequence
            : IsTensor(file) ? MessageKind.Tensor
            : MessageKind.Other;
    }

    private static bool IsModel(ByteSource file)
    {
        (bool hasVersion, bool hasGraph) = (false, false);
        bool isWhole = Walk(file, (field, type, cursor) =>
        {
            switch (field)
            {
                case 1:
                    hasVersion = type == WireType.Varint && Peek(cursor) <= HighestIrVersion;
                    return hasVersion;
                case 7 or 25:
                    hasGraph = true;
                    return type == WireType.Delimited;
                case 8:
                    hasVersion = true;
                    return type == WireType.Delimited;
                case 5:
                    return type == WireType.Varint;
                case 2 or 3 or 4 or 6 or 14 or 20 or 26:
                    return type == WireType.Delimited;
                default:
                    return field <= HighestModelField && (hasVersion || hasGraph);
            }
        });
        return isWhole && hasVersion && hasGraph;
    }

    private static bool IsTensor(ByteSource file)
    {
        (bool hasType, bool hasMore) = (false, false);
        bool isWhole = Walk(file, (field, type, cursor) =>
        {
            hasMore |= field != 2;
            switch (field)
            {
                case 2:
                    hasType = type == WireType.Varint && Peek(cursor) is > 0 and <= HighestElementType;
                    return hasType;
                case 1 or 5 or 7 or 11:
                    return type is WireType.Varint or WireType.Delimited;
                case 4:
                    return type is WireType.Fixed32 or WireType.Delimited;
                case 10:
                    return type is WireType.Fixed64 or WireType.Delimited;
                case 3 or 6 or 8 or 9 or 12 or 13 or 16:
                    return type == WireType.Delimited;
                case 14:
                    return type == WireType.Varint;
                default:
                    return false;
            }
        });
        return isWhole && hasType && hasMore;
    }

    private static bool IsSequence(ByteSource file, int depth)
    {
        bool hasType = false;
        bool isWhole = Walk(file, (field, type, cursor) =>
        {
            switch (field)
            {
                case 2:
                    hasType = type == WireType.Varint && Peek(cursor) <= HighestSequenceType;
                    return hasType;
                case 1 or 4 or 6:
                    return type == WireType.Delimited;
                case 3:
                    return type == WireType.Delimited && Child(cursor, file) is { } tensor && IsTensor(tensor);
                case 5 or 7:
                    return type == WireType.Delimited && depth < DeepestSequence && Child(cursor, file) is { } sequence && IsSequence(sequence, depth + 1);
                default:
                    return false;
            }
        });
        return isWhole && hasType;
    }

    // As much of it as there is.
    private static ByteSource? Child(WireCursor cursor, ByteSource file)
    {
        long start = cursor.Position;
        ulong length = cursor.ReadVarint(file.Length);
        ByteSource child = file.Slice(cursor.Position, (long)Math.Min(length, (ulong)(file.Length - cursor.Position)));
        cursor.Position = start;
        return child.Length > 0 ? child : null;
    }

    // Goes over the outermost fields; false as soon as one is not accepted. What goes beyond the end is a truncated file of the kind
    // if it is a field of the kind, as the caller has asked for what must come before.
    private static bool Walk(ByteSource file, Func<int, WireType, WireCursor, bool> accept)
    {
        WireCursor cursor = new(file);
        try
        {
            while (cursor.Position < file.Length)
            {
                (int field, WireType type) = cursor.ReadTag(file.Length);
                if (!accept(field, type, cursor))
                {
                    return false;
                }
                if (type == WireType.Delimited && IsCutOff(cursor, file.Length))
                {
                    return true;
                }
                cursor.SkipValue(type, file.Length);
            }
            return true;
        }
        catch (WeightFileException)
        {
            return false;
        }
    }

    private static bool IsCutOff(WireCursor cursor, long end)
    {
        long start = cursor.Position;
        bool isCutOff = cursor.ReadVarint(end) > (ulong)(end - cursor.Position);
        cursor.Position = start;
        return isCutOff;
    }

    private static long Peek(WireCursor cursor)
    {
        long start = cursor.Position;
        ulong value = cursor.ReadVarint(cursor.Length);
        cursor.Position = start;
        return value > long.MaxValue ? long.MaxValue : (long)value;
    }
}
