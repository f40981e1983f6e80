using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weights.DTypes.Quantized;

/// <summary>The quantised type whose blocks are <typeparamref name="T"/>: its size is the struct's.</summary>
internal sealed class QuantizedType<T> : QuantizedDType
    where T : unmanaged, IQuantizedBlock<T>
{
    public override string Name => T.Name;

    public override int BlockLength => T.Length;

    public override int BlockBytes => Unsafe.SizeOf<T>();

    public override Importances Importances => T.Importances;

    public override void DecodeFloats(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        CheckLengths(blocks.Length, values.Length);
        T.DecodeAll(MemoryMarshal.Cast<byte, T>(blocks), values);
    }

    public override void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<byte> blocks)
    {
        CheckLengths(blocks.Length, row.Length);
        if (importances.IsEmpty ? Importances == Importances.Required : importances.Length != row.Length)
        {
            throw new ArgumentException($"{Name}: {importances.Length} importances for {row.Length} numbers");
        }
        if (Lanes.Supported)
        {
            T.EncodeLanes(row, importances, MemoryMarshal.Cast<byte, T>(blocks));
        }
        else
        {
            T.EncodeRow(row, importances, MemoryMarshal.Cast<byte, T>(blocks));
        }
    }

    public override void EncodeRowPlainly(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<byte> blocks) =>
        T.EncodeRow(row, importances, MemoryMarshal.Cast<byte, T>(blocks));

    public override void Decode(ReadOnlySpan<byte> blocks, Span<double> values)
    {
        CheckLengths(blocks.Length, values.Length);
        ReadOnlySpan<T> typed = MemoryMarshal.Cast<byte, T>(blocks);
        Span<float> floats = stackalloc float[T.Length];
        for (int index = 0; index < typed.Length; index++)
        {
            T.Decode(in typed[index], floats);
            Span<double> target = values.Slice(index * T.Length, T.Length);
            for (int number = 0; number < floats.Length; number++)
            {
                target[number] = floats[number];
            }
        }
    }

    public override void Encode(ReadOnlySpan<double> values, Span<byte> blocks)
    {
        CheckLengths(blocks.Length, values.Length);
        Span<T> typed = MemoryMarshal.Cast<byte, T>(blocks);
        Span<float> floats = stackalloc float[T.Length];
        for (int index = 0; index < typed.Length; index++)
        {
            ReadOnlySpan<double> source = values.Slice(index * T.Length, T.Length);
            for (int number = 0; number < floats.Length; number++)
            {
                floats[number] = (float)source[number];
            }
            EncodeRow(floats, [], MemoryMarshal.AsBytes(typed.Slice(index, 1)));
        }
    }

    private void CheckLengths(int bytes, int numbers)
    {
        (int blocks, int rest) = Math.DivRem(bytes, BlockBytes);
        if (rest != 0 || (long)blocks * BlockLength != numbers)
        {
            throw new ArgumentException($"{bytes} bytes of {Name} are not {numbers} numbers");
        }
    }
}
