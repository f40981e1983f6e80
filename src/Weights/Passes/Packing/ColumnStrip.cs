using System.Buffers;
using Weights.IO;
using Weights.Passes.Dialects;
using Weights.Passes.Diff;

namespace Weights.Passes.Packing;

/// <summary>Some rows and columns of a matrix next to each other, and what becomes of them; of a few of the columns at a time, the numbers of each in a row.</summary>
internal sealed class ColumnStrip : IDisposable
{
    /// <summary>Columns that are turned at once, at most: their codes fill lines of a cache when they are turned back.</summary>
    public const int MostTurned = 64;

    private const int Line = 16;

    private readonly int _rows;
    private readonly long _stride;
    private readonly float[] _lying;
    private readonly float[] _lyingDecoded;
    private readonly float[] _turned;
    private readonly float[] _decoded;
    private readonly byte[] _codes;
    private long _first;
    private int _pitch;
    private int _start;
    private int _count;

    /// <param name="rows">How many rows.</param>
    /// <param name="most">How many columns at most.</param>
    /// <param name="stride">Columns of the matrix.</param>
    public ColumnStrip(int rows, int most, long stride)
    {
        (_rows, _stride) = (rows, stride);
        int turned = rows * Math.Min(most, MostTurned);
        (_lying, _lyingDecoded) = (ArrayPool<float>.Shared.Rent(rows * (most + Line)), ArrayPool<float>.Shared.Rent(rows * (most + Line)));
        (_turned, _decoded, _codes) = (ArrayPool<float>.Shared.Rent(turned), ArrayPool<float>.Shared.Rent(turned), ArrayPool<byte>.Shared.Rent(turned));
    }

    /// <summary>Columns that it now has.</summary>
    public int Columns { get; private set; }

    private bool IsWhole => Columns == _stride;

    /// <summary>Reads what it now is to have.</summary>
    /// <param name="numbers">The matrix.</param>
    /// <param name="first">Index of the first number.</param>
    /// <param name="columns">How many columns.</param>
    public void Read(Elements numbers, long first, int columns)
    {
        // Whole rows lie as one; parts of rows do not begin at the same place of a page, where they would be upon the same lines of a cache.
        (_first, Columns, _pitch) = (first, columns, columns == _stride ? columns : columns + Line);
        if (IsWhole)
        {
            numbers.Read(first, _lying.AsSpan(0, _rows * columns));
            return;
        }
        for (int row = 0; row < _rows; row++)
        {
            numbers.Read(first + (row * _stride), _lying.AsSpan(row * _pitch, columns));
        }
    }

    /// <summary>The ranges of its columns.</summary>
    public void FindRanges(ColumnRanges ranges)
    {
        ranges.Clear();
        for (int row = 0; row < _rows; row++)
        {
            ranges.See(_lying.AsSpan(row * _pitch, Columns), 0);
        }
    }

    /// <summary>Turns some columns.</summary>
    public void Turn(int start, int count)
    {
        (_start, _count) = (start, count);
        Transposition.Copy(_lying.AsSpan(start), _pitch, _rows, count, _turned.AsSpan(), _rows);
    }

    /// <summary>The numbers of one of the columns that have been turned.</summary>
    public ReadOnlySpan<float> Column(int index) => _turned.AsSpan(index * _rows, _rows);

    /// <summary>Its codes.</summary>
    public Span<byte> Codes(int index) => _codes.AsSpan(index * _rows, _rows);

    /// <summary>What these stand for.</summary>
    public Span<float> Decoded(int index) => _decoded.AsSpan(index * _rows, _rows);

    /// <summary>Turns back the codes of those columns and what they stand for.</summary>
    /// <param name="rounded">How that is rounded before.</param>
    /// <param name="codes">Receives the codes, in rows of the matrix, the first from the first column of the strip on.</param>
    public void TurnBack(Rounded rounded, Span<byte> codes)
    {
        rounded.Round(_decoded.AsSpan(0, _count * _rows));
        Transposition.Copy(_codes, _rows, _count, _rows, codes[_start..], (int)_stride);
        Transposition.Copy(_decoded, _rows, _count, _rows, _lyingDecoded.AsSpan(_start), _pitch);
    }

    /// <summary>Compares all numbers with what codes of them stand for.</summary>
    public void Compare(DifferenceSums sums)
    {
        (int rows, int length) = IsWhole ? (1, _rows * Columns) : (_rows, Columns);
        for (int row = 0; row < rows; row++)
        {
            sums.Add(_lying.AsSpan(row * _pitch, length), _lyingDecoded.AsSpan(row * _pitch, length), _first + (row * _stride), Tolerance.None);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<float>.Shared.Return(_lying);
        ArrayPool<float>.Shared.Return(_lyingDecoded);
        ArrayPool<float>.Shared.Return(_turned);
        ArrayPool<float>.Shared.Return(_decoded);
        ArrayPool<byte>.Shared.Return(_codes);
    }
}
