using System.Buffers;
using System.Runtime.InteropServices;
using Weights.DTypes;

namespace Weights.Passes.Packing;

/// <summary>Rounds floats to what a type of at most as many bits holds.</summary>
/// <param name="dtype">F32, for which nothing happens, F16 or BF16.</param>
internal sealed class Rounded(DType dtype)
{
    private readonly BlockConversion? _round = dtype == DType.F32 ? null : Conversion.Between(DType.F32, dtype);
    private readonly BlockConversion? _read = dtype == DType.F32 ? null : Conversion.Between(dtype, DType.F32);

    /// <summary>Rounds them where they are.</summary>
    public void Round(Span<float> numbers)
    {
        if (_round is null)
        {
            return;
        }
        byte[] buffer = ArrayPool<byte>.Shared.Rent(numbers.Length * sizeof(short));
        Span<byte> rounded = buffer.AsSpan(0, numbers.Length * sizeof(short));
        _round(MemoryMarshal.AsBytes(numbers), rounded);
        _read!(rounded, MemoryMarshal.AsBytes(numbers));
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
