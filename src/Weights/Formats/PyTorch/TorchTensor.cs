using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>A view of a storage, as a pickle describes it; sizes and strides are those of torch and have not been checked.</summary>
/// <param name="Storage">What it is a view of.</param>
/// <param name="Element">What it is made of, usually as its storage is.</param>
/// <param name="Offset">Index of its first element.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
/// <param name="Strides">For each dimension, how many elements one step is.</param>
/// <param name="IsConjugate">Whether the imaginary parts are to be negated.</param>
/// <param name="IsNegative">Whether all numbers are to be negated.</param>
internal sealed record TorchView(
    TorchStorage Storage, TorchElement Element, long Offset, long[] Shape, long[] Strides, bool IsConjugate = false, bool IsNegative = false)
{
    /// <summary>A whole storage, as a tensor of one dimension.</summary>
    public static TorchView Of(TorchStorage storage) => new(storage, storage.Element, 0, [storage.Count], [1]);

    /// <summary>Bytes of the elements that the view shows.</summary>
    public Int128 Bytes
    {
        get
        {
            Int128 bytes = Element.Bytes;
            foreach (long size in Shape)
            {
                // Saturates: the count is for people, and a shape may claim anything.
                bytes = Int128.Min(bytes * Math.Max(size, 0), long.MaxValue);
            }
            return bytes;
        }
    }
}

/// <summary>One of the tensors that a tensor of another layout is kept as.</summary>
/// <param name="Name">Added to the tensor's name, after a dot.</param>
/// <param name="Tensor">The tensor.</param>
internal readonly record struct TorchPart(string Name, TorchTensor Tensor);

/// <summary>
/// A tensor of a pickle: a view, the tensors that it is made of where it is sparse, nested or quantised, or why there is none.
/// </summary>
internal sealed class TorchTensor : PickleNode
{
    // A million gigabytes of float32: no disk holds it, so the view was made to fill one.
    private const long MaxElements = 1L << 48;

    private TorchQuantizer? _dequantizer;

    private TorchTensor()
    {
    }

    /// <summary>What it shows; null when there is a problem, or when it is nothing but its parts.</summary>
    public TorchView? View { get; private init; }

    /// <summary>The tensors that it is made of besides what it shows itself.</summary>
    public IReadOnlyList<TorchPart> Parts { get; private init; } = [];

    /// <summary>What must be known of it to put its parts together, for the metadata.</summary>
    public MetadataValue.Map? Facts { get; private init; }

    /// <summary>Bytes of what it shows and of its parts.</summary>
    public Int128 Bytes
    {
        get
        {
            Int128 bytes = View?.Bytes ?? 0;
            foreach (TorchPart part in Parts)
            {
                bytes += part.Tensor.View?.Bytes ?? 0;
            }
            return bytes;
        }
    }

    /// <summary>Why it cannot be read: it fails the file only if the tensor is wanted.</summary>
    public (Fault Fault, string Reason)? Problem { get; private init; }

    /// <summary>Whether no values were ever stored (the meta device).</summary>
    public bool HasNoValues { get; private init; }

    public override string Kind => "a tensor";

    public static TorchTensor Of(TorchView view) => new() { View = view };

    /// <summary>A tensor that is nothing but its parts.</summary>
    public static TorchTensor Of(IReadOnlyList<TorchPart> parts, MetadataValue.Map facts) => new() { Parts = parts, Facts = facts };

    /// <summary>Integers and what they mean; or the numbers that they stand for.</summary>
    public static TorchTensor Of(TorchView view, TorchQuantizer quantizer, bool isDequantized) =>
        isDequantized ? new() { View = view, _dequantizer = quantizer } : new() { View = view, Parts = quantizer.Parts, Facts = quantizer.Facts };

    /// <summary>Numbers that the pickle itself states.</summary>
    public static TorchTensor Of(TorchElement element, byte[] littleEndian, params long[] shape)
    {
        MemoryBytes bytes = new(littleEndian);
        TorchStorage storage = new(bytes, element, littleEndian.Length / element.Bytes, IsBigEndian: false, () => bytes);
        return Of(new TorchView(storage, element, 0, shape, [.. shape.Select(static _ => 1L)]));
    }

    public static TorchTensor Corrupt(string reason) => new() { Problem = (Fault.Corrupt, reason) };

    public static TorchTensor Unsupported(string reason) => new() { Problem = (Fault.Unsupported, reason) };

    public static TorchTensor WithoutValues(string reason) => new() { Problem = (Fault.Unsupported, reason), HasNoValues = true };

    /// <summary>The tensor under its name, its bytes wrapped to be little-endian, row-major and contiguous.</summary>
    /// <exception cref="WeightFileException">It cannot be read; the exception names it.</exception>
    public Tensor ToTensor(string name)
    {
        if (View is not { } view)
        {
            throw new WeightFileException(Problem!.Value.Fault, Problem.Value.Reason, tensor: name);
        }
        try
        {
            Tensor tensor = ToTensor(name, view);
            return _dequantizer?.Dequantize(tensor) ?? tensor;
        }
        catch (WeightFileException error) when (error.Tensor is null)
        {
            throw new WeightFileException(error.Fault, error.Reason, error.File, name, error.Offset, error);
        }
    }

    private static Tensor ToTensor(string name, TorchView view)
    {
        DType dtype = view.Element.Model
            ?? throw new WeightFileException(Fault.Unsupported, $"has the dtype torch.{view.Element.Name}, which is not read; leave it out with --exclude");
        if (!Shape.TryCreate(view.Shape, out Shape shape) || dtype.ByteCount(shape) is null && dtype.BlockLength == 1)
        {
            throw new WeightFileException(Fault.Corrupt, $"has the shape [{string.Join(", ", view.Shape)}], which has a negative dimension or more elements than can be");
        }
        if (view.Storage.Count < 0 || view.Storage.Bytes > long.MaxValue)
        {
            throw new WeightFileException(Fault.Corrupt, $"is in a storage of {view.Storage.Count} elements, which cannot be");
        }
        long elements = (long)view.Storage.Bytes / view.Element.Bytes;
        // An expanded dimension (stride 0) repeats what is there, so it alone may make a view larger than its storage.
        long[] distinct = [.. view.Shape.Zip(view.Strides, static (size, stride) => stride == 0 ? Math.Min(size, 1) : size)];
        if (view.Strides.Length != view.Shape.Length || !StridedBytes.IsInside(elements, view.Offset, distinct, view.Strides))
        {
            throw new WeightFileException(Fault.Corrupt, $"is a view of shape {shape} and strides [{string.Join(", ", view.Strides)}] from element {view.Offset} on, which is not inside its storage of {elements} elements");
        }
        if (shape.ElementCount > MaxElements)
        {
            throw new WeightFileException(Fault.Unsupported, $"has the shape {shape}: expanded as it is, it takes no space, but written out it would be {shape.ElementCount:N0} elements");
        }
        Shape logical = Logical(shape, dtype);
        if (shape.ElementCount == 0)
        {
            return new Tensor(name, dtype, logical, new MemoryBytes(ReadOnlyMemory<byte>.Empty));
        }
        ByteSource bytes = view.Storage.Open();
        if (view.Storage.IsBigEndian && dtype.WordBytes > 1)
        {
            bytes = ByteSwappedBytes.Create(bytes.Slice(0, elements * view.Element.Bytes), dtype.WordBytes);
        }
        bytes = StridedBytes.Create(bytes, view.Element.Bytes, view.Offset, view.Shape, view.Strides);
        return new Tensor(name, dtype, logical, NegatedBytes.Create(bytes, dtype, view.IsConjugate, view.IsNegative));
    }

    // Torch counts packed 4-bit numbers in pairs along the last dimension.
    private static Shape Logical(Shape shape, DType dtype)
    {
        if (dtype.BlockLength == 1)
        {
            return shape;
        }
        long[] dimensions = shape.Dimensions.ToArray();
        if (dimensions.Length == 0)
        {
            throw new WeightFileException(Fault.Unsupported, $"is a single pair of {dtype.Name} numbers without a dimension, which has no shape in numbers");
        }
        Int128 last = (Int128)dimensions[^1] * dtype.BlockLength;
        dimensions[^1] = last <= long.MaxValue ? (long)last : -1;
        return Shape.TryCreate(dimensions, out Shape logical)
            ? logical
            : throw new WeightFileException(Fault.Corrupt, $"has the shape {shape} of packed numbers, which are more than can be");
    }
}
