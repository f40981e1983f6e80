namespace Weights;

/// <summary>
/// A named array of numbers: its bytes are little-endian, row-major and contiguous, and bits of the last one that no element
/// uses are zero, whatever the file held; a reader that finds anything else wraps it lazily.
/// </summary>
public sealed class Tensor
{
    /// <summary>A tensor of exactly the bytes that its dtype and shape need.</summary>
    /// <exception cref="ArgumentException">The length of <paramref name="bytes"/> is not <see cref="DType.ByteCount"/> of the shape.</exception>
    public Tensor(string name, DType dtype, Shape shape, ByteSource bytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(dtype);
        ArgumentNullException.ThrowIfNull(bytes);
        if (dtype.ByteCount(shape) is not { } needed || needed != bytes.Length)
        {
            throw new ArgumentException($"{dtype.Name} {shape} needs {dtype.ByteCount(shape)?.ToString() ?? "whole blocks of"} bytes, not {bytes.Length}", nameof(bytes));
        }
        (Name, DType, Shape, Bytes) = (name, dtype, shape, bytes);
    }

    /// <summary>Unique within a checkpoint; any text.</summary>
    public string Name { get; }

    /// <summary>Element or block type.</summary>
    public DType DType { get; }

    /// <summary>Logical dimensions, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>The elements: little-endian, row-major, contiguous.</summary>
    public ByteSource Bytes { get; }

    /// <summary>The same tensor under another name.</summary>
    public Tensor Rename(string name) => new(name, DType, Shape, Bytes);

    /// <summary>For example <c>conv1.weight F32 [64, 3, 7, 7]</c>.</summary>
    public override string ToString() => $"{Printable.Escape(Name)} {DType.Name} {Shape}";
}
