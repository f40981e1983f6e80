using System.Runtime.InteropServices;
using Weights.DTypes;
using Weights.IO;
using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>A scale for each block of rows and columns of a weight, all found when the first is wanted, for which the weight is read once, some rows at a time.</summary>
internal sealed class BlockScales : Elements
{
    private readonly Lazy<float[]> _scales;

    private BlockScales(Func<float[]> fit) => _scales = new(fit);

    /// <summary>Scales for numbers as they are.</summary>
    public static ScaledCodes Fit(PackingSource weight, ScaleScope scope, BlockCoder coder)
    {
        (long rows, long columns) = (weight.Shape[0], weight.Shape[1]);
        return new ScaledCodes
        {
            Set = CodeSet.E4M3,
            Rows = rows,
            Columns = columns,
            BlockRows = scope.Rows,
            BlockColumns = scope.Columns,
            ScaleType = weight.ScaleType,
            Scales = new BlockScales(() => Fit(Of(weight.Tensor), rows, (int)columns, scope, coder)),
        };
    }

    /// <summary>The scales of blocks as a tensor, a row of them after the other.</summary>
    public static Tensor Stored(string name, ScaledCodes codes, ScaleScope scope, DType dtype)
    {
        (long rows, int columns) = (ScaleGrid.Count(codes.Rows, scope.Rows), (int)ScaleGrid.Count(codes.Columns, scope.Columns));
        BlockConversion store = Conversion.Between(DType.F32, dtype);
        return new Tensor(name, dtype, new Shape(rows, columns), new MadeBytes(rows * columns * dtype.BlockBytes, columns * dtype.BlockBytes, (row, bytes) =>
        {
            float[] scales = new float[columns];
            codes.Read(row * scope.Rows * codes.Columns, scope.Columns, scales, []);
            store(MemoryMarshal.AsBytes(scales.AsSpan()), bytes);
        }));
    }

    public override void Read(long first, Span<float> values) => _scales.Value.AsSpan((int)first, values.Length).CopyTo(values);

    private static float[] Fit(Elements numbers, long rows, int columns, ScaleScope scope, BlockCoder coder)
    {
        int blocks = (int)ScaleGrid.Count(columns, scope.Columns);
        List<float> scales = [];
        float[] line = new float[columns];
        NumberRange[] ranges = new NumberRange[blocks];
        for (long row = 0; row < rows; row++)
        {
            numbers.Read(row * columns, line);
            for (int block = 0; block < blocks; block++)
            {
                ranges[block] = ranges[block].With(NumberRange.Of(line.AsSpan(block * scope.Columns, Math.Min(scope.Columns, columns - (block * scope.Columns)))));
            }
            if ((row + 1) % scope.Rows == 0 || row + 1 == rows)
            {
                scales.AddRange(ranges.Select(range => coder.Fit(range).Scale));
                Array.Clear(ranges);
            }
        }
        return [.. scales];
    }
}
