using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.DTypes.Quantized;
using Weights.IO;
using Weights.Passes.Diff;

namespace Weights.Passes.Quantize;

/// <summary>
/// The bytes of a tensor in a smaller type, made when they are read, and measured: what was made is decoded again and compared with what it was
/// made of. A unit is a row where there are importances, which are of columns, else some blocks.
/// </summary>
internal sealed class QuantizedBytes : UnitBytes
{
    // 64 Ki floats: they stay in the second-level cache between decoding, encoding and decoding again.
    private const int BatchElements = 1 << 16;

    private static readonly ConcurrentDictionary<DType, double> s_largest = [];

    private readonly ByteSource _source;
    private readonly DType _from;
    private readonly DType _to;
    private readonly BlockConversion _toFloats;
    private readonly BlockConversion _encode;
    private readonly BlockConversion _decode;
    private readonly SourceCheck _check;
    private readonly QuantizationErrors _errors;
    private readonly float[]? _importances;
    private readonly int _unitElements;
    private readonly long _rowsPerMatrix;
    private readonly double _largest;

    private QuantizedBytes(Tensor tensor, DType to, float[]? importances, int unitElements, QuantizationErrors errors)
        : base(unitElements / to.BlockLength * to.BlockBytes)
    {
        (_source, _from, _to, _importances, _unitElements, _errors) = (tensor.Bytes, tensor.DType, to, importances, unitElements, errors);
        (_toFloats, _decode) = (Conversion.Between(_from, DType.F32), Conversion.Between(to, DType.F32));
        _encode = importances is null ? Conversion.Between(DType.F32, to) : static (_, _) => throw new InvalidOperationException("rows with importances are encoded one by one");
        _check = new SourceCheck(tensor.Bytes);
        _rowsPerMatrix = tensor.Shape.Rank < 2 ? 1 : tensor.Shape[tensor.Shape.Rank - 2];
        _largest = s_largest.GetOrAdd(to, Largest);
        Length = to.ByteCount(tensor.Shape)!.Value;
    }

    public override long Length { get; }

    public override bool ReadsForward => _source.ReadsForward;

    /// <summary>All of <paramref name="tensor"/>, whose shape has a <see cref="DType.ByteCount"/> in the new type, as has each of its rows.</summary>
    /// <param name="tensor">Floating-point numbers.</param>
    /// <param name="to">A floating-point or quantised type.</param>
    /// <param name="importances">One for each column, or for each column of each matrix; null for none.</param>
    /// <param name="errors">Is told how far the numbers moved.</param>
    public static QuantizedBytes Create(Tensor tensor, DType to, float[]? importances, QuantizationErrors errors)
    {
        bool isByRow = importances is not null && to is QuantizedDType { Importances: not Importances.Unused };
        int unit = isByRow ? checked((int)tensor.Shape[tensor.Shape.Rank - 1]) : Conversion.CommonBlockLength(tensor.DType, to);
        return new QuantizedBytes(tensor, to, isByRow ? importances : null, unit, errors);
    }

    protected override void ReadUnits(long first, Span<byte> units)
    {
        int unitBytes = _unitElements / _to.BlockLength * _to.BlockBytes;
        int sourceBytes = _unitElements / _from.BlockLength * _from.BlockBytes;
        int perBatch = Math.Max(1, BatchElements / _unitElements);
        int most = Math.Min(perBatch, units.Length / unitBytes);
        byte[] source = ArrayPool<byte>.Shared.Rent(most * sourceBytes);
        float[] numbers = ArrayPool<float>.Shared.Rent(most * _unitElements);
        float[] decoded = ArrayPool<float>.Shared.Rent(most * _unitElements);
        DifferenceSums sums = new();
        long overflowed = 0;
        long start = first;
        try
        {
            while (!units.IsEmpty)
            {
                int count = Math.Min(perBatch, units.Length / unitBytes);
                Span<byte> read = source.AsSpan(0, count * sourceBytes);
                // Fewer for the last unit, where packed numbers do not fill it: what is made of the rest is cut off.
                int present = (int)Math.Min(read.Length, _source.Length - (first * sourceBytes));
                read[present..].Clear();
                _source.Read(first * sourceBytes, read[..present]);
                _check.Saw(first * sourceBytes, read[..present]);
                Span<float> floats = numbers.AsSpan(0, count * _unitElements);
                _toFloats(read, MemoryMarshal.AsBytes(floats));
                Span<byte> target = units[..(count * unitBytes)];
                Encode(first, floats, target);
                Span<float> again = decoded.AsSpan(0, floats.Length);
                _decode(target, MemoryMarshal.AsBytes(again));
                sums.Add(floats, again, first * _unitElements, Tolerance.None);
                overflowed += Overflowed(floats, again);
                first += count;
                units = units[target.Length..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(source);
            ArrayPool<float>.Shared.Return(numbers);
            ArrayPool<float>.Shared.Return(decoded);
        }
        _errors.Saw(start * _unitElements, (first - start) * _unitElements, sums, overflowed);
    }

    private void Encode(long first, ReadOnlySpan<float> floats, Span<byte> target)
    {
        if (_importances is null)
        {
            _encode(MemoryMarshal.AsBytes(floats), target);
            return;
        }
        int rowBytes = _unitElements / _to.BlockLength * _to.BlockBytes;
        for (int row = 0; row < floats.Length / _unitElements; row++)
        {
            long matrix = _importances.Length == _unitElements ? 0 : (first + row) / _rowsPerMatrix;
            ReadOnlySpan<float> importances = _importances.AsSpan((int)matrix * _unitElements, _unitElements);
            ((QuantizedDType)_to).EncodeRow(floats.Slice(row * _unitElements, _unitElements), importances, target.Slice(row * rowBytes, rowBytes));
        }
    }

    private long Overflowed(ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        if (double.IsNaN(_largest))
        {
            return 0;
        }
        long overflowed = 0;
        for (int index = 0; index < before.Length; index++)
        {
            // Where there is no infinity, the largest number stands for all beyond it.
            overflowed += float.IsFinite(before[index]) && (!float.IsFinite(after[index]) || (Math.Abs(after[index]) >= _largest && Math.Abs(before[index]) > _largest)) ? 1 : 0;
        }
        return overflowed;
    }

    // NaN for blocks, whose scales adapt to their numbers, and for types that hold every float.
    private static double Largest(DType dtype)
    {
        if (dtype.Kind != DTypeKind.Float || dtype == DType.F32 || dtype == DType.F64)
        {
            return double.NaN;
        }
        double largest = 0;
        byte[] block = new byte[dtype.BlockBytes];
        double[] numbers = new double[dtype.BlockLength];
        // The first element of a block is in its first two bytes, whatever the type.
        for (int code = 0; code <= ushort.MaxValue; code++)
        {
            block[0] = unchecked((byte)code);
            if (block.Length > 1)
            {
                block[1] = (byte)(code >> 8);
            }
            else if (code > byte.MaxValue)
            {
                break;
            }
            dtype.Decode(block, numbers);
            largest = double.IsFinite(numbers[0]) ? Math.Max(largest, numbers[0]) : largest;
        }
        return largest;
    }
}
