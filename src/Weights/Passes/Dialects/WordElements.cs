using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Dialects;

/// <summary>
/// Integers of 1 to 8 bits in words of 32, from the lowest bit up: along the rows of a matrix, each of which begins with a word, or along its columns.
/// Where their bits do not divide 32, they go on in the next word, or each word has as many as it holds whole (compressed-tensors before version 0.15).
/// </summary>
internal sealed class WordElements : Elements
{
    private readonly Tensor _words;
    private readonly WordPacking _packing;
    private readonly BitLanes _lanes;
    private readonly long _columns;
    private readonly bool _isAlongColumns;
    private readonly int _zero;

    /// <param name="words">I32: for each row its words, or for each word of a column all columns.</param>
    /// <param name="packing">How integers lie in words.</param>
    /// <param name="columns">Columns of the matrix of integers.</param>
    /// <param name="isAlongColumns">Whether a word has numbers below each other.</param>
    /// <param name="zero">The integer that stands for zero.</param>
    public WordElements(Tensor words, WordPacking packing, long columns, bool isAlongColumns, int zero) =>
        (_words, _packing, _lanes, _columns, _isAlongColumns, _zero) = (words, packing, new BitLanes(packing.Bits), columns, isAlongColumns, zero);

    public override bool ReadsForward => _words.Bytes.ReadsForward;

    public override void Read(long first, Span<float> values)
    {
        while (!values.IsEmpty)
        {
            (long row, long column) = Math.DivRem(first, _columns);
            int count = (int)Math.Min(values.Length, _columns - column);
            if (_isAlongColumns)
            {
                ReadAcross(row, column, values[..count]);
            }
            else
            {
                ReadAlong(row, column, values[..count]);
            }
            values = values[count..];
            first += count;
        }
    }

    // Part of a row whose words follow each other.
    private void ReadAlong(long row, long column, Span<float> values)
    {
        (long start, long end) = (_packing.FirstWord(column), _packing.EndWord(column + values.Length));
        int count = (int)(end - start);
        uint[] words = ArrayPool<uint>.Shared.Rent(count + (BitLanes.Slack / sizeof(uint)));
        try
        {
            Span<uint> read = words.AsSpan(0, count);
            _words.Bytes.Read(((row * _words.Shape[1]) + start) * sizeof(uint), MemoryMarshal.AsBytes(read));
            if (_packing.IsStream && BitLanes.IsSupported)
            {
                // One by one up to where eight begin with a byte, and the rest.
                int lead = (int)Math.Min(-column & 7, values.Length);
                Extract(read, start, column, values[..lead]);
                column += lead;
                values = values[lead..];
                ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(words.AsSpan())[(int)((column * _packing.Bits / 8) - (start * sizeof(uint)))..];
                int done = _lanes.Subtract(bytes, _zero, values);
                column += done;
                values = values[done..];
            }
            Extract(read, start, column, values);
        }
        finally
        {
            ArrayPool<uint>.Shared.Return(words);
        }
    }

    // Of words from one on.
    private void Extract(ReadOnlySpan<uint> words, long start, long column, Span<float> values)
    {
        for (int index = 0; index < values.Length; index++)
        {
            (long word, int shift) = _packing.Place(column + index);
            int at = (int)(word - start);
            values[index] = _packing.Extract(words[at], shift + _packing.Bits > 32 ? words[at + 1] : 0, shift) - _zero;
        }
    }

    // Part of a row, each number of which is in another word.
    private void ReadAcross(long row, long column, Span<float> values)
    {
        (long word, int shift) = _packing.Place(row);
        uint[] words = ArrayPool<uint>.Shared.Rent(2 * values.Length);
        try
        {
            Span<uint> lower = words.AsSpan(0, values.Length);
            Span<uint> upper = words.AsSpan(values.Length, values.Length);
            upper.Clear();
            _words.Bytes.Read(((word * _columns) + column) * sizeof(uint), MemoryMarshal.AsBytes(lower));
            if (shift + _packing.Bits > 32)
            {
                _words.Bytes.Read((((word + 1) * _columns) + column) * sizeof(uint), MemoryMarshal.AsBytes(upper));
            }
            for (int index = 0; index < values.Length; index++)
            {
                values[index] = _packing.Extract(lower[index], upper[index], shift) - _zero;
            }
        }
        finally
        {
            ArrayPool<uint>.Shared.Return(words);
        }
    }
}

/// <summary>How small integers lie in words of 32 bits.</summary>
/// <param name="Bits">Bits of an integer, 1 to 8.</param>
/// <param name="IsDense">Whether an integer may be in two words; else the highest bits of a word that hold no whole one are unused.</param>
internal readonly record struct WordPacking(int Bits, bool IsDense)
{
    private int PerWord => 32 / Bits;

    /// <summary>Whether integers follow each other without bits between them.</summary>
    public bool IsStream => IsDense || 32 % Bits == 0;

    /// <summary>Words that so many integers need.</summary>
    public long Words(long count) => EndWord(count);

    /// <summary>The word in which an integer begins.</summary>
    public long FirstWord(long index) => Place(index).Word;

    /// <summary>The word after the last that the integers before one need.</summary>
    public long EndWord(long index) => IsDense ? ((index * Bits) + 31) >> 5 : (index + PerWord - 1) / PerWord;

    /// <summary>Where an integer begins.</summary>
    public (long Word, int Shift) Place(long index)
    {
        if (IsDense)
        {
            return ((index * Bits) >> 5, (int)(index * Bits) & 31);
        }
        (long word, long place) = Math.DivRem(index, PerWord);
        return (word, (int)place * Bits);
    }

    /// <summary>The integers at <paramref name="shift"/> in words, each with the next one of as many.</summary>
    public void Extract(ReadOnlySpan<uint> words, ReadOnlySpan<uint> next, int shift, Span<byte> integers)
    {
        int index = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<uint> mask = Vector256.Create((1u << Bits) - 1);
            // Masked off where the next word has none of its bits.
            int left = shift + Bits > 32 ? 32 - shift : Bits;
            Vector256<uint> Eight(ReadOnlySpan<uint> words, ReadOnlySpan<uint> next, int at) =>
                ((Vector256.Create(words.Slice(at, 8)) >>> shift) | (Vector256.Create(next.Slice(at, 8)) << left)) & mask;
            for (; index + 32 <= integers.Length; index += 32)
            {
                Vector256<ushort> low = Vector256.Narrow(Eight(words, next, index), Eight(words, next, index + 8));
                Vector256<ushort> high = Vector256.Narrow(Eight(words, next, index + 16), Eight(words, next, index + 24));
                Vector256.Narrow(low, high).CopyTo(integers[index..]);
            }
        }
        for (; index < integers.Length; index++)
        {
            integers[index] = (byte)Extract(words[index], next[index], shift);
        }
    }

    /// <summary>The integer at <paramref name="shift"/> in a word, or in that and the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Extract(uint word, uint next, int shift)
    {
        uint value = word >> shift;
        if (shift + Bits > 32)
        {
            value |= next << (32 - shift);
        }
        return unchecked((int)(value & ((1u << Bits) - 1)));
    }
}
