using System.Buffers;

namespace Weights.IO;

/// <summary>
/// A tensor in boxes, read as if it were contiguous and row-major.
/// </summary>
/// <remarks>
/// The elements of a range that are in one box lie next to each other in it, because a box keeps their order: each box is asked once for what it
/// has, and that is dealt out to the rows it belongs to. Boxes are found through a tree of their bounds, in which a branch is entered just if
/// it has an element of the range.
/// </remarks>
public sealed class TiledBytes : UnitBytes
{
    // As for strided views: rows from here on are read where they belong, shorter ones through a window.
    private const int NearBytes = 4096;
    private const int WindowBytes = 1 << 18;

    private readonly int _elementBytes;
    private readonly long[] _shape;
    private readonly long[] _inner; // For each axis, elements of one step along it.
    private readonly Box[] _boxes;
    private readonly BoxTree _tree;

    private TiledBytes(int elementBytes, long[] shape, Box[] boxes)
        : base(elementBytes)
    {
        (_elementBytes, _shape, _boxes) = (elementBytes, shape, boxes);
        _inner = new long[shape.Length];
        long inner = 1;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            _inner[axis] = inner;
            inner = checked(inner * shape[axis]);
        }
        Length = checked(inner * elementBytes);
        _tree = new BoxTree(boxes);
    }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override bool ReadsForward => _boxes.Any(static box => box.Bytes.ReadsForward);

    /// <summary>The tensor of all <paramref name="tiles"/>; where they are slices of its first dimension, one after the other.</summary>
    /// <param name="elementBytes">Bytes per element.</param>
    /// <param name="shape">Dimensions, outermost first.</param>
    /// <param name="tiles">Boxes that have each element once, in any order; empty ones do not matter.</param>
    /// <exception cref="WeightFileException">They do not; or one has more or fewer bytes than its sizes need.</exception>
    public static ByteSource Create(int elementBytes, ReadOnlySpan<long> shape, IReadOnlyList<Tile> tiles)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        if (Tiling.Fault(shape, tiles) is { } fault)
        {
            throw new WeightFileException(Fault.Corrupt, $"its chunks {fault}");
        }
        if (tiles.FirstOrDefault(tile => Elements(tile.Sizes) * elementBytes != tile.Bytes.Length) is { } wrong)
        {
            throw new WeightFileException(Fault.Corrupt, $"its chunk of [{string.Join(", ", wrong.Sizes)}] has {wrong.Bytes.Length} bytes");
        }
        Tile[] present = [.. tiles.Where(static tile => tile.Bytes.Length > 0)];
        (long[] merged, Box[] boxes) = Merge(shape, present);
        return merged.Length <= 1
            ? ConcatenatedBytes.Create(boxes.OrderBy(static box => box.Offsets.Length == 0 ? 0 : box.Offsets[0]).Select(static box => box.Bytes))
            : new TiledBytes(elementBytes, merged, boxes);
    }

    /// <inheritdoc/>
    protected override void ReadUnits(long first, Span<byte> units)
    {
        byte[] window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            new Gather(this, window, units, first).Run();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    private static Int128 Elements(long[] sizes)
    {
        Int128 count = 1;
        foreach (long size in sizes)
        {
            count *= size;
        }
        return count;
    }

    // An axis along which nothing is cut is one with the axis around it, and so is any axis within one of size 1.
    private static (long[] Shape, Box[] Boxes) Merge(ReadOnlySpan<long> shape, Tile[] tiles)
    {
        List<long> merged = [];
        List<int> lasts = []; // The last axis of each merged one.
        for (int axis = 0; axis < shape.Length; axis++)
        {
            long size = shape[axis];
            if (merged.Count > 0 && (merged[^1] == 1 || tiles.All(tile => tile.Sizes[axis] == size)))
            {
                merged[^1] *= size;
                lasts[^1] = axis;
            }
            else
            {
                merged.Add(size);
                lasts.Add(axis);
            }
        }
        Box[] boxes = new Box[tiles.Length];
        for (int index = 0; index < tiles.Length; index++)
        {
            Tile tile = tiles[index];
            (long[] offsets, long[] sizes) = (new long[merged.Count], new long[merged.Count]);
            int first = 0;
            for (int axis = 0; axis < merged.Count; axis++)
            {
                (offsets[axis], sizes[axis]) = (tile.Offsets[first], tile.Sizes[first]);
                for (int inner = first + 1; inner <= lasts[axis]; inner++)
                {
                    (offsets[axis], sizes[axis]) = ((offsets[axis] * shape[inner]) + tile.Offsets[inner], sizes[axis] * tile.Sizes[inner]);
                }
                first = lasts[axis] + 1;
            }
            boxes[index] = new Box(offsets, sizes, tile.Bytes);
        }
        return ([.. merged], boxes);
    }

    private ref struct Gather(TiledBytes tensor, byte[] window, Span<byte> output, long first)
    {
        private readonly Span<byte> _output = output;
        private readonly int _elementBytes = tensor._elementBytes;
        private readonly long[] _inner = tensor._inner;
        private readonly long[] _from = Coordinates(tensor._inner, first);
        private readonly long[] _to = Coordinates(tensor._inner, first + (output.Length / tensor._elementBytes));

        public readonly void Run()
        {
            Stack<int> open = new([0]);
            while (open.TryPop(out int index))
            {
                ref readonly BoxTree.Node node = ref tensor._tree.Nodes[index];
                if (Before(node.Offsets, node.Sizes, _from) == Before(node.Offsets, node.Sizes, _to))
                {
                    continue;
                }
                if (node.Count == 0)
                {
                    open.Push(node.First);
                    open.Push(node.First + 1);
                    continue;
                }
                foreach (int place in tensor._tree.Order.AsSpan(node.First, node.Count))
                {
                    Box box = tensor._boxes[place];
                    Copy(box, Before(box.Offsets, box.Sizes, _from), Before(box.Offsets, box.Sizes, _to));
                }
            }
        }

        // The index may be that after the last element: then the first coordinate is beyond the last.
        private static long[] Coordinates(long[] inner, long index)
        {
            long[] coordinates = new long[inner.Length];
            for (int axis = 0; axis < inner.Length; axis++)
            {
                (coordinates[axis], index) = Math.DivRem(index, inner[axis]);
            }
            return coordinates;
        }

        // How many elements of a box come before the one at these coordinates, in the tensor's order.
        private static long Before(long[] offsets, long[] sizes, long[] coordinates)
        {
            long count = 0;
            for (int axis = 0; axis < sizes.Length; axis++)
            {
                long steps = coordinates[axis] - offsets[axis];
                bool isWithin = steps >= 0 && steps < sizes[axis];
                count = (count * sizes[axis]) + Math.Clamp(steps, 0, sizes[axis]);
                if (!isWithin)
                {
                    for (int rest = axis + 1; rest < sizes.Length; rest++)
                    {
                        count *= sizes[rest];
                    }
                    break;
                }
            }
            return count;
        }

        // Elements `from` to `to` of a box, counted within it.
        private readonly void Copy(Box box, long from, long to)
        {
            // Beyond the innermost axis along which the box is cut, a row of it is a piece of the tensor.
            int cut = box.Sizes.Length - 1;
            while (cut > 0 && box.Sizes[cut] == tensor._shape[cut])
            {
                cut--;
            }
            long row = box.Sizes[cut] * _inner[cut];
            while (from < to)
            {
                long length = Math.Min(row - (from % row), to - from);
                if (length * _elementBytes >= NearBytes)
                {
                    box.Bytes.Read(from * _elementBytes, At(box, cut, from, row, length));
                    from += length;
                    continue;
                }
                long end = Math.Min(to, from + (WindowBytes / _elementBytes));
                Span<byte> taken = window.AsSpan(0, (int)((end - from) * _elementBytes));
                box.Bytes.Read(from * _elementBytes, taken);
                while (from < end)
                {
                    length = Math.Min(row - (from % row), end - from);
                    Span<byte> target = At(box, cut, from, row, length);
                    taken[..target.Length].CopyTo(target);
                    taken = taken[target.Length..];
                    from += length;
                }
            }
        }

        // Where elements of one row of a box belong in the output.
        private readonly Span<byte> At(Box box, int cut, long from, long row, long length)
        {
            (long rows, long within) = Math.DivRem(from, row);
            long index = (box.Offsets[cut] * _inner[cut]) + within - first;
            for (int axis = cut - 1; axis >= 0; axis--)
            {
                (rows, long step) = Math.DivRem(rows, box.Sizes[axis]);
                index += (box.Offsets[axis] + step) * _inner[axis];
            }
            return _output.Slice((int)(index * _elementBytes), (int)(length * _elementBytes));
        }
    }
}
