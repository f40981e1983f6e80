namespace Weights.IO;

/// <summary>Whether boxes are exactly a tensor: each element in one of them and in no other.</summary>
/// <remarks>
/// Take the number of boxes at each element, less one, and its differences along each axis: what is left is a number at each corner of
/// each box, +1 or -1 by how many of its coordinates are ends, and it vanishes everywhere just if each element is in one box. So the cost is
/// that of the corners, however the boxes lie, and the first corner at which something is left is the first element that is in no box or in several.
/// </remarks>
internal static class Tiling
{
    // A hundred thousand boxes cut along five axes. Tensors are cut along one or two.
    private const int MaxCorners = 1 << 22;

    /// <summary>What is wrong, after "the chunks", or null.</summary>
    public static string? Fault(ReadOnlySpan<long> shape, IReadOnlyList<Tile> tiles)
    {
        List<int> cut = [];
        foreach (Tile tile in tiles)
        {
            if (!IsInside(shape, tile))
            {
                return $"do not lie inside the shape [{string.Join(", ", shape.ToArray())}]: one of [{string.Join(", ", tile.Sizes)}] begins at [{string.Join(", ", tile.Offsets)}]";
            }
        }
        if (shape.Contains(0))
        {
            return null;
        }
        for (int axis = 0; axis < shape.Length; axis++)
        {
            long size = shape[axis];
            if (tiles.Any(tile => tile.Sizes[axis] != size))
            {
                cut.Add(axis);
            }
        }
        if (cut.Count > 20 || ((long)tiles.Count + 1) << cut.Count > MaxCorners)
        {
            return $"are {tiles.Count:N0} boxes cut along {cut.Count} axes, which is more than is read";
        }
        Dictionary<Int128, int> left = [];
        AddCorners(left, shape, cut, new long[shape.Length], shape.ToArray(), -1);
        foreach (Tile tile in tiles.Where(static tile => !tile.Sizes.Contains(0)))
        {
            AddCorners(left, shape, cut, tile.Offsets, tile.Sizes, 1);
        }
        if (left.Count == 0)
        {
            return null;
        }
        (Int128 first, int count) = left.MinBy(static corner => corner.Key);
        return $"{(count < 0 ? "leave a gap: no chunk has" : "overlap: more than one has")} the element [{string.Join(", ", Element(first, shape, cut))}]";
    }

    private static bool IsInside(ReadOnlySpan<long> shape, Tile tile)
    {
        bool isInside = tile.Offsets.Length == shape.Length && tile.Sizes.Length == shape.Length;
        for (int axis = 0; isInside && axis < shape.Length; axis++)
        {
            isInside = tile.Offsets[axis] >= 0 && tile.Sizes[axis] >= 0 && tile.Offsets[axis] <= shape[axis] && tile.Sizes[axis] <= shape[axis] - tile.Offsets[axis];
        }
        return isInside;
    }

    // A corner is numbered row-major among all there could be, so that the smallest number is the first corner.
    private static void AddCorners(Dictionary<Int128, int> left, ReadOnlySpan<long> shape, List<int> cut, long[] offsets, long[] sizes, int count)
    {
        for (int ends = 0; ends < 1 << cut.Count; ends++)
        {
            Int128 corner = 0;
            for (int index = 0; index < cut.Count; index++)
            {
                int axis = cut[index];
                corner = (corner * ((Int128)shape[axis] + 1)) + offsets[axis] + ((ends >> index & 1) != 0 ? sizes[axis] : 0);
            }
            int sum = left.GetValueOrDefault(corner) + ((int.PopCount(ends) & 1) == 0 ? count : -count);
            if (sum == 0)
            {
                left.Remove(corner);
            }
            else
            {
                left[corner] = sum;
            }
        }
    }

    private static long[] Element(Int128 corner, ReadOnlySpan<long> shape, List<int> cut)
    {
        long[] element = new long[shape.Length];
        for (int index = cut.Count - 1; index >= 0; index--)
        {
            (corner, Int128 coordinate) = Int128.DivRem(corner, (Int128)shape[cut[index]] + 1);
            element[cut[index]] = (long)coordinate;
        }
        return element;
    }
}
