namespace Weights.IO;

/// <summary>A tile along merged axes.</summary>
internal readonly record struct Box(long[] Offsets, long[] Sizes, ByteSource Bytes);

/// <summary>
/// Boxes by where they are: each node has the bounds of those below it. Boxes are parted at an offset of one of them, as near to the middle as the axes
/// allow, so that the bounds of a grid's branches do not overlap.
/// </summary>
internal sealed class BoxTree
{
    private const int LeafBoxes = 4;

    private readonly Box[] _boxes;
    private readonly List<Node> _nodes = [];

    /// <summary>A tree of boxes that do not overlap, none of them empty; there is at least one.</summary>
    public BoxTree(Box[] boxes)
    {
        _boxes = boxes;
        Order = [.. Enumerable.Range(0, boxes.Length)];
        _nodes.Add(default);
        Build(0, 0, boxes.Length);
        Nodes = [.. _nodes];
        _nodes = [];
    }

    /// <summary>Indexes of the boxes, those of a leaf next to each other.</summary>
    public int[] Order { get; }

    /// <summary>The nodes; the first is the root.</summary>
    public Node[] Nodes { get; }

    private void Build(int node, int first, int count)
    {
        (long[] offsets, long[] sizes) = Bounds(Order.AsSpan(first, count));
        int split = count <= LeafBoxes ? 0 : Split(first, count);
        if (split == 0)
        {
            _nodes[node] = new Node(offsets, sizes, first, count);
            return;
        }
        int children = _nodes.Count;
        _nodes[node] = new Node(offsets, sizes, children, 0);
        _nodes.Add(default);
        _nodes.Add(default);
        Build(children, first, split);
        Build(children + 1, first + split, count - split);
    }

    private (long[] Offsets, long[] Sizes) Bounds(ReadOnlySpan<int> order)
    {
        Box start = _boxes[order[0]];
        (long[] offsets, long[] sizes) = ([.. start.Offsets], [.. start.Sizes]);
        foreach (int place in order[1..])
        {
            Box box = _boxes[place];
            for (int axis = 0; axis < offsets.Length; axis++)
            {
                long end = Math.Max(offsets[axis] + sizes[axis], box.Offsets[axis] + box.Sizes[axis]);
                offsets[axis] = Math.Min(offsets[axis], box.Offsets[axis]);
                sizes[axis] = end - offsets[axis];
            }
        }
        return (offsets, sizes);
    }

    // Puts the boxes in order along the axis that parts them best; how many go left, or 0 where none parts them.
    private int Split(int first, int count)
    {
        (int bestAxis, int bestSplit) = (0, 0);
        long[] keys = new long[count];
        for (int axis = 0; axis < _boxes[0].Offsets.Length; axis++)
        {
            Sort(axis, first, keys);
            int split = NearestChange(keys);
            if (Math.Min(split, count - split) > Math.Min(bestSplit, count - bestSplit))
            {
                (bestAxis, bestSplit) = (axis, split);
            }
            if (Math.Min(split, count - split) >= count / 4)
            {
                return split;
            }
        }
        Sort(bestAxis, first, keys);
        return bestSplit;
    }

    private void Sort(int axis, int first, long[] keys)
    {
        for (int index = 0; index < keys.Length; index++)
        {
            keys[index] = _boxes[Order[first + index]].Offsets[axis];
        }
        keys.AsSpan().Sort(Order.AsSpan(first, keys.Length));
    }

    // The place nearest to the middle at which a sorted key differs from the one before; 0 where none does.
    private static int NearestChange(long[] keys)
    {
        int middle = keys.Length / 2;
        for (int distance = 0; distance <= middle + 1; distance++)
        {
            foreach (int place in (ReadOnlySpan<int>)[middle - distance, middle + distance])
            {
                if (place > 0 && place < keys.Length && keys[place] != keys[place - 1])
                {
                    return place;
                }
            }
        }
        return 0;
    }

    /// <summary>Boxes near to each other.</summary>
    /// <param name="Offsets">Where their bounds begin.</param>
    /// <param name="Sizes">How far they reach from there.</param>
    /// <param name="First">In a leaf, the first place in <see cref="Order"/>; else the first of its two nodes, which follow each other.</param>
    /// <param name="Count">Boxes in a leaf; 0 where it is none.</param>
    public readonly record struct Node(long[] Offsets, long[] Sizes, int First, int Count);
}
