namespace Weights.Formats.PyTorch;

/// <summary>Finds the tensors that share memory, in time that hardly more than grows with their number.</summary>
internal static class TorchAliases
{
    /// <summary>For each tensor that shares memory with an earlier one, that one; the same view of it if there is one.</summary>
    public static IReadOnlyList<Alias> Find(IReadOnlyList<(string Name, TorchTensor Tensor)> tensors)
    {
        Dictionary<object, List<int>> byStorage = [];
        for (int index = 0; index < tensors.Count; index++)
        {
            if (tensors[index].Tensor.View is { Bytes: var bytes } view && bytes > 0)
            {
                if (!byStorage.TryGetValue(view.Storage.Identity, out List<int>? sharing))
                {
                    byStorage.Add(view.Storage.Identity, sharing = []);
                }
                sharing.Add(index);
            }
        }
        SortedDictionary<int, Alias> aliases = [];
        foreach (List<int> sharing in byStorage.Values.Where(static sharing => sharing.Count > 1))
        {
            foreach ((int index, int of, AliasKind kind) in Within([.. sharing.Select(index => tensors[index].Tensor.View!)]))
            {
                aliases.Add(sharing[index], new Alias(tensors[sharing[index]].Name, tensors[sharing[of]].Name, kind));
            }
        }
        return [.. aliases.Values];
    }

    private static IEnumerable<(int Index, int Of, AliasKind Kind)> Within(TorchView[] views)
    {
        int[] firstOverlapping = FirstOverlapping([.. views.Select(Extent)]);
        Dictionary<string, int> same = new(StringComparer.Ordinal);
        for (int index = 0; index < views.Length; index++)
        {
            if (!same.TryAdd(Identity(views[index]), index))
            {
                yield return (index, same[Identity(views[index])], AliasKind.Same);
            }
            else if (firstOverlapping[index] < index)
            {
                yield return (index, firstOverlapping[index], AliasKind.Overlapping);
            }
        }
    }

    // A stride along one element goes nowhere, so it does not tell views apart.
    private static string Identity(TorchView view)
    {
        IEnumerable<long> strides = view.Strides.Select((stride, axis) => view.Shape[axis] == 1 ? 0 : stride);
        return $"{view.Element.Name} {view.Storage.Start} {view.Offset} [{string.Join(',', view.Shape)}] [{string.Join(',', strides)}] {view.IsConjugate} {view.IsNegative}";
    }

    // First byte, and the byte after the last.
    private static (Int128 Start, Int128 End) Extent(TorchView view)
    {
        Int128 last = view.Offset;
        for (int axis = 0; axis < view.Shape.Length; axis++)
        {
            last += (Int128)(view.Shape[axis] - 1) * view.Strides[axis];
        }
        int size = view.Element.Bytes;
        return (view.Storage.Start + ((Int128)view.Offset * size), view.Storage.Start + ((last + 1) * size));
    }

    /// <summary>
    /// For each extent, the first one that shares a byte with it; itself where no earlier one does. The extents' ends cut the memory
    /// into pieces, each piece belongs to the first extent that covers it, and the answer is the smallest owner among an extent's pieces.
    /// </summary>
    private static int[] FirstOverlapping((Int128 Start, Int128 End)[] extents)
    {
        Int128[] cuts = [.. extents.SelectMany(static extent => (Int128[])[extent.Start, extent.End]).Distinct().Order()];
        MinimumTree owners = new(cuts.Length);
        int[] next = [.. Enumerable.Range(0, cuts.Length + 1)]; // The first piece from here on that has no owner yet, halving its paths.
        int[] first = new int[extents.Length];
        for (int index = 0; index < extents.Length; index++)
        {
            int start = Array.BinarySearch(cuts, extents[index].Start);
            int end = Array.BinarySearch(cuts, extents[index].End);
            for (int piece = Free(next, start); piece < end; piece = Free(next, piece))
            {
                owners.Set(piece, index);
                next[piece] = piece + 1;
            }
            first[index] = Math.Min(index, owners.Minimum(start, end));
        }
        return first;
    }

    private static int Free(int[] next, int piece)
    {
        while (next[piece] != piece)
        {
            next[piece] = next[next[piece]];
            piece = next[piece];
        }
        return piece;
    }

    /// <summary>The smallest of a range of numbers, each set once.</summary>
    private sealed class MinimumTree
    {
        private readonly int _leaves;
        private readonly int[] _nodes;

        public MinimumTree(int leaves)
        {
            _leaves = leaves;
            _nodes = new int[2 * leaves];
            Array.Fill(_nodes, int.MaxValue);
        }

        public void Set(int leaf, int value)
        {
            for (int node = leaf + _leaves; node > 0 && value < _nodes[node]; node /= 2)
            {
                _nodes[node] = value;
            }
        }

        public int Minimum(int start, int end)
        {
            int minimum = int.MaxValue;
            for ((int left, int right) = (start + _leaves, end + _leaves); left < right; left /= 2, right /= 2)
            {
                if ((left & 1) != 0)
                {
                    minimum = Math.Min(minimum, _nodes[left++]);
                }
                if ((right & 1) != 0)
                {
                    minimum = Math.Min(minimum, _nodes[--right]);
                }
            }
            return minimum;
        }
    }
}
