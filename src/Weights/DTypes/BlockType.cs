using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weights.DTypes;

/// <summary>
/// A block of elements, as a struct of exactly the bytes it has in a file. The members are the specification of the type;
/// <see cref="BlockType{T}"/> drives them over spans.
/// </summary>
/// <typeparam name="TSelf">The struct itself.</typeparam>
internal interface IBlock<TSelf>
    where TSelf : unmanaged, IBlock<TSelf>
{
    /// <summary>Name of the type.</summary>
    static abstract string Name { get; }

    /// <summary>Kind of numbers.</summary>
    static abstract DTypeKind Kind { get; }

    /// <summary>Elements in a block.</summary>
    static virtual int Length => 1;

    /// <summary>The numbers of one block, in order; two for each complex element.</summary>
    static abstract void Decode(in TSelf block, Span<double> values);

    /// <summary>The block nearest to the numbers.</summary>
    static abstract TSelf Encode(ReadOnlySpan<double> values);
}

/// <summary>The element type whose blocks are <typeparamref name="T"/>: its size is the struct's.</summary>
internal sealed class BlockType<T> : DType
    where T : unmanaged, IBlock<T>
{
    public override string Name => T.Name;

    public override DTypeKind Kind => T.Kind;

    public override int BlockLength => T.Length;

    public override int BlockBytes => Unsafe.SizeOf<T>();

    public override void Decode(ReadOnlySpan<byte> blocks, Span<double> values)
    {
        int perBlock = CheckLengths(blocks.Length, values.Length);
        ReadOnlySpan<T> typed = MemoryMarshal.Cast<byte, T>(blocks);
        for (int index = 0; index < typed.Length; index++)
        {
            T.Decode(in typed[index], values.Slice(index * perBlock, perBlock));
        }
    }

    public override void Encode(ReadOnlySpan<double> values, Span<byte> blocks)
    {
        int perBlock = CheckLengths(blocks.Length, values.Length);
        Span<T> typed = MemoryMarshal.Cast<byte, T>(blocks);
        for (int index = 0; index < typed.Length; index++)
        {
            typed[index] = T.Encode(values.Slice(index * perBlock, perBlock));
        }
    }

    private int CheckLengths(int bytes, int numbers)
    {
        int perBlock = BlockLength * Components;
        (int blocks, int rest) = Math.DivRem(bytes, BlockBytes);
        return rest == 0 && (long)blocks * perBlock == numbers
            ? perBlock
            : throw new ArgumentException($"{bytes} bytes of {Name} are not {numbers} numbers");
    }
}
