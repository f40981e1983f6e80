using Weights.Formats.Onnx.External;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Wire;
using Weights.IO;

namespace Weights.Formats.Onnx.Elements;

/// <summary>Finds the elements of tensors: raw bytes, numbers of one of five kinds, or a range of another file.</summary>
/// <param name="skeleton">The file that the tensors are in.</param>
/// <param name="files">The files beside it.</param>
internal sealed class ElementReader(Skeleton skeleton, ExternalFiles files)
{
    // A shape of a hostile file may have as many dimensions as the file has bytes.
    private const int MostDimensionsShown = 16;

    // Numbers of variable length are counted at once where that takes one short read.
    private const int SmallBytes = 4096;

    /// <summary>The tensor, under <paramref name="name"/>; null where its elements are no numbers.</summary>
    /// <exception cref="WeightFileException">It contradicts itself, or its file is not there.</exception>
    public Tensor? Read(TensorProto message, string name)
    {
        try
        {
            return ReadNamed(message, name);
        }
        catch (WeightFileException error) when (error.Tensor is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File, name, error.Offset, error);
        }
    }

    /// <summary>The shape that a tensor says it has, for messages.</summary>
    public static string ShapeText(TensorProto message) =>
        $"[{string.Join(", ", message.Dims.Take(MostDimensionsShown))}{(message.Dims.Count > MostDimensionsShown ? ", …" : "")}]";

    private Tensor? ReadNamed(TensorProto message, string name)
    {
        if (ElementType.Find(message.DataType) is not { } type)
        {
            throw message.DataType == 0
                ? Corrupt("has no element type (UNDEFINED)")
                : new WeightFileException(Fault.Unsupported, $"has the element type {message.DataType}, which is none of ONNX's up to 26; the file is damaged, or newer than this program");
        }
        if (message.Segment is not null)
        {
            throw new WeightFileException(Fault.Unsupported, "is one segment of a tensor that was stored in pieces, which nothing reads; export it again as a whole");
        }
        if (!Shape.TryCreate([.. message.Dims], out Shape shape))
        {
            throw Corrupt($"has the impossible shape {ShapeText(message)}");
        }
        if (type.DType is not { } dtype)
        {
            return null;
        }
        long length = dtype.ByteCount(shape) ?? throw Corrupt($"has the shape {ShapeText(message)}, which no memory holds");
        ByteSource bytes = message.DataLocation == ExternalEntry.IsExternal
            ? files.Open(ExternalEntry.Of(message), length)
            : Elements(message, type, dtype, length);
        return new Tensor(name, dtype, shape, Cleared(bytes, dtype, shape));
    }

    private ByteSource Elements(TensorProto message, ElementType type, DType dtype, long length)
    {
        Payload[] payloads = [.. message.Payload.Select(index => skeleton.Payloads[(int)index]).Where(static payload => payload.Values.Length > 0)];
        // As with any field that is not repeated, the last one counts.
        Payload? raw = payloads.LastOrDefault(static payload => payload.Field == Payload.RawField);
        Payload[] typed = [.. payloads.Where(static payload => payload.Field != Payload.RawField)];
        if (raw is not null && typed.Length > 0)
        {
            throw Corrupt($"has elements twice, as raw bytes and as numbers in field {typed[0].Field}", typed[0].Offset);
        }
        if (raw is not null)
        {
            return raw.Type == WireType.Delimited && raw.Values.Length == length ? raw.Values : throw WrongLength(raw.Values.Length, length, raw.Offset);
        }
        if (Array.Find(typed, payload => payload.Field != type.Field) is { } stray)
        {
            throw Corrupt($"has elements in field {stray.Field}, but those of {type.Name} belong in field {type.Field} or in raw bytes", stray.Offset);
        }
        if (typed.Length == 0)
        {
            return length == 0 ? new MemoryBytes(ReadOnlyMemory<byte>.Empty)
                : throw Corrupt($"has no elements, but its type and shape need {length:N0} bytes of them: the file was saved without its weights");
        }
        WireType? single = type.Field switch { 4 => WireType.Fixed32, 10 => WireType.Fixed64, _ => WireType.Varint };
        if (Array.Find(typed, payload => payload.Type is not WireType.Delimited && payload.Type != single) is { } odd)
        {
            throw Corrupt($"has elements in field {odd.Field} that are not stored as its numbers are", odd.Offset);
        }
        NumberRun[] runs = [.. typed.Select(NumberRun.Of)];
        return single == WireType.Varint ? Varints(runs, type, dtype, length) : Fixed(runs, type.Field == 4 ? 4 : 8, length, typed[0].Offset);
    }

    private static VarintElements Varints(NumberRun[] runs, ElementType type, DType dtype, long length)
    {
        long count = length / dtype.BlockBytes;
        long stored = runs.Sum(static run => run.Values.Length);
        // Counts come from shapes, so that their products may not fit 64 bits.
        Int128 least = (Int128)count * (1 + runs.Min(static run => run.TagBytes));
        Int128 most = (Int128)count * (WireCursor.LongestVarint + runs.Max(static run => run.TagBytes));
        if (stored < least || stored > most)
        {
            throw Corrupt($"has {stored:N0} bytes of numbers, in which the {count:N0} that its type and shape need cannot be");
        }
        VarintElements elements = new(runs, dtype.BlockBytes, type.DType == DType.Bool, count);
        if (stored <= SmallBytes)
        {
            elements.Check();
        }
        return elements;
    }

    private static ByteSource Fixed(NumberRun[] runs, int numberBytes, long length, long offset)
    {
        ByteSource bytes = ConcatenatedBytes.Create(runs.Select(run => run.TagBytes == 0 ? run.Values : new TaggedElements(run, numberBytes)));
        return bytes.Length == length ? bytes : throw WrongLength(bytes.Length, length, offset);
    }

    private static ByteSource Cleared(ByteSource bytes, DType dtype, Shape shape)
    {
        int inLast = (int)(shape.ElementCount % dtype.BlockLength);
        return inLast == 0 ? bytes : new ClearedTail(bytes, inLast * (8 / dtype.BlockLength));
    }

    private static WeightFileException Corrupt(string problem, long? offset = null) =>
        new(Fault.Corrupt, $"{problem}; the file is damaged, get a fresh copy or export it again", offset: offset);

    private static WeightFileException WrongLength(long actual, long needed, long offset) =>
        Corrupt($"has {actual:N0} bytes of elements, but its type and shape need {needed:N0}", offset);
}
