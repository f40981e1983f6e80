using System.Runtime.InteropServices;

namespace Weights.Passes.Dialects;

/// <summary>The group of each column, where columns are quantised in the order of their activations (<c>g_idx</c>): read when it is needed, as it grows with the model.</summary>
internal static class ColumnOrder
{
    /// <summary>The groups.</summary>
    /// <param name="order">I32, one for each column.</param>
    /// <param name="groups">How many groups there are.</param>
    /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: a column is of a group that there is not.</exception>
    public static int[] Read(Tensor order, long groups)
    {
        int[] columns = new int[checked((int)order.Shape.ElementCount)];
        order.Bytes.Read(0, MemoryMarshal.AsBytes(columns.AsSpan()));
        for (int column = 0; column < columns.Length; column++)
        {
            if (columns[column] < 0 || columns[column] >= groups)
            {
                throw new WeightFileException(Fault.Corrupt, $"says that column {column} is of group {columns[column]}, and there are {groups}, from 0 on", tensor: order.Name);
            }
        }
        return columns;
    }

    /// <summary>Columns of a group, where each group is so many columns next to each other and the last one the rest; null where they are in another order.</summary>
    public static long? Contiguous(int[] columns, long groups)
    {
        int size = 0;
        while (size < columns.Length && columns[size] == 0)
        {
            size++;
        }
        for (int column = 0; column < columns.Length; column++)
        {
            if (size == 0 || columns[column] != column / size)
            {
                return null;
            }
        }
        return ScaleGrid.Count(columns.Length, size) == groups ? size : null;
    }
}
