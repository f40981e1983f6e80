namespace Weights.Passes.Dialects;

/// <summary>
/// Numbers that each belong to a block of a matrix, or of each of several matrices: one for all of it, for each row, for each group of columns of a row, or for each
/// block of rows and columns.
/// </summary>
/// <param name="Rows">Rows of the grid, for each matrix.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="BlockRows">Rows of the matrix that share a row of it; the last block may have fewer.</param>
/// <param name="BlockColumns">Columns that share a column of it; the last block may have fewer.</param>
internal sealed record ScaleGrid(long Rows, long Columns, long BlockRows, long BlockColumns)
{
    private const int UsualBlock = 128; // Of DeepSeek-V3, and of all that followed.

    /// <summary>How the grid lies over a matrix, for people: <c>a scale per channel</c>.</summary>
    public required string Description { get; init; }

    /// <summary>Whether all matrices have one grid, and not each its own.</summary>
    public bool IsShared { get; private init; }

    /// <summary>What had to be taken for granted; null where there was no choice.</summary>
    public string? Assumption { get; private init; }

    /// <summary>The grid of scales of a weight, by its shape.</summary>
    /// <param name="scales">The scales, as many matrices as there are of weights.</param>
    /// <param name="weight">Shape of the weight: rows and columns, and matrices before them.</param>
    /// <param name="config">Knows the size of blocks, where they do not fit exactly.</param>
    /// <param name="isBlocks">Whether a grid of one row is one of blocks, and not of groups of columns that all rows share.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: the shape is that of no grid over the weight.</exception>
    public static ScaleGrid Of(Tensor scales, Shape weight, QuantizationConfig config, bool isBlocks = false)
    {
        (long rows, long columns) = (weight[weight.Rank - 2], weight[weight.Rank - 1]);
        long matrices = rows * columns == 0 ? 1 : weight.ElementCount / (rows * columns);
        if (scales.Shape.ElementCount == 1 && matrices == 1)
        {
            return Over(1, 1, rows, columns, "one scale");
        }
        if (matrices > 1 && scales.Shape.ElementCount == matrices)
        {
            return Over(1, 1, rows, columns, "a scale per matrix");
        }
        ReadOnlySpan<long> shape = scales.Shape.Dimensions;
        if (weight.Rank == 2 && shape.Length == 1 && shape[0] == rows)
        {
            return Over(rows, 1, 1, columns, "a scale per channel");
        }
        if (shape.Length != weight.Rank || !shape[..^2].SequenceEqual(weight.Dimensions[..^2]) || shape.Contains(0) || shape[^2] > rows || shape[^1] > columns)
        {
            throw Misfit(scales, weight);
        }
        (long high, long wide) = (shape[^2], shape[^1]);
        if (high == rows && wide == 1)
        {
            return Over(high, wide, 1, columns, "a scale per channel");
        }
        bool isSaid = config.Block is { } block && Fits(rows, high, block.Rows) && Fits(columns, wide, block.Columns);
        if (!isBlocks && !isSaid && (high == rows || high == 1))
        {
            // What the configuration says counts if it fits; there may be groups of several sizes.
            long group = Fits(columns, wide, config.GroupSize) ? config.GroupSize!.Value
                : columns % wide == 0 ? columns / wide
                : throw Misfit(scales, weight);
            return Over(high, wide, high == 1 ? rows : 1, group, $"groups of {group}");
        }
        (long blockRows, long blockColumns) = config.Block ?? Guess(rows, columns, high, wide);
        if (!Fits(rows, high, blockRows) || !Fits(columns, wide, blockColumns))
        {
            throw Misfit(scales, weight);
        }
        ScaleGrid grid = Over(high, wide, blockRows, blockColumns, $"blocks of {blockRows} by {blockColumns}");
        bool isCertain = config.Block is not null || (rows % blockRows == 0 && columns % blockColumns == 0);
        return isCertain ? grid : grid with { Assumption = $"no configuration says how large blocks are: taken as {blockRows} by {blockColumns}; --config names the file that does" };
    }

    /// <summary>How many blocks of a size there are, the last of which may be smaller; 0 where there is no such size.</summary>
    public static long Count(long length, long size) => size < 1 ? 0 : (length / size) + (length % size > 0 ? 1 : 0);

    /// <summary>The grid, if its groups have so many columns.</summary>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: they have not.</exception>
    public ScaleGrid InGroupsOf(long columns, Tensor scales) => BlockRows == 1 && BlockColumns == columns
        ? this
        : throw new WeightFileException(Fault.Corrupt, $"has {Description}, where groups of {columns} should be", tensor: scales.Name);

    /// <summary>The row of the grid, of all matrices', to which a row of the weight belongs.</summary>
    public long RowOf(long row, long rowsPerMatrix)
    {
        (long matrix, long within) = Math.DivRem(row, rowsPerMatrix);
        return ((IsShared ? 0 : matrix) * Rows) + (within / BlockRows);
    }

    /// <summary>
    /// The grid of scales along one axis of a weight of any shape, and how the weight is to be seen as matrices: the axes from the one after it on are columns, or, where it is the last, it is itself.
    /// </summary>
    /// <param name="shape">Shape of the weight, without an axis of no length.</param>
    /// <param name="axis">The axis; null for one scale.</param>
    /// <param name="blockSize">Steps along the axis that share a scale, which then is one of a place on the other axes, too; 0 where each step has a scale for all of them.</param>
    /// <returns>The grid, rows and columns of all matrices, and the rows of each.</returns>
    public static (ScaleGrid Grid, long Rows, long Columns, long RowsPerMatrix) Along(Shape shape, int? axis, long blockSize)
    {
        if (axis is not { } cut)
        {
            return (Over(1, 1, 1, shape.ElementCount, "one scale"), 1, shape.ElementCount, 1);
        }
        long length = shape[cut];
        long inner = 1;
        foreach (long size in shape.Dimensions[(cut + 1)..])
        {
            inner *= size;
        }
        long outer = shape.ElementCount / (length * inner);
        string along = $" along axis {cut}";
        if (blockSize > 0)
        {
            long blocks = Count(length, blockSize);
            string text = $"blocks of {blockSize}{along}";
            return inner == 1
                ? (Over(outer, blocks, 1, blockSize, text), outer, length, outer)
                : (Over(blocks, inner, blockSize, 1, text), outer * length, inner, length);
        }
        string channels = $"a scale per channel{along}";
        return inner == 1
            ? (Over(1, length, outer, 1, channels), outer, length, outer)
            : (Over(length, 1, 1, inner, channels) with { IsShared = true }, outer * length, inner, length);
    }

    private static ScaleGrid Over(long rows, long columns, long blockRows, long blockColumns, string description) => new(rows, columns, blockRows, blockColumns) { Description = description };

    private static bool Fits(long length, long blocks, long? size) => size is { } block && Count(length, block) == blocks;

    // The usual blocks where they fit; else those that divide exactly.
    private static (long Rows, long Columns) Guess(long rows, long columns, long high, long wide) =>
        Fits(rows, high, UsualBlock) && Fits(columns, wide, UsualBlock) ? (UsualBlock, UsualBlock) : (rows / high, columns / wide);

    private static WeightFileException Misfit(Tensor scales, Shape weight) =>
        new(Fault.Corrupt, $"has shape {scales.Shape}, which is no grid of scales for a weight of shape {weight}", tensor: scales.Name);
}
