using Weights.IO;

namespace Weights.Passes;

/// <summary>
/// How one tensor comes from another: its elements, with their axes in another order, in another element type, seen under another shape;
/// each of these or none.
/// </summary>
public sealed class ContentRelation
{
    // 24 orders of four axes; of five there are 120, and no framework's layouts differ in more than four.
    private const int MostAxes = 4;

    private readonly DType _fromType;
    private readonly Shape _fromShape;
    private readonly int[] _axes; // For each axis of the permuted tensor, the source's axis; empty if they keep their order.

    private ContentRelation(DType fromType, Shape fromShape, int[] axes, DType toType, Shape toShape)
    {
        (_fromType, _fromShape, _axes) = (fromType, fromShape, axes);
        (DType, Shape) = (toType, toShape);
    }

    /// <summary>Element type of the result.</summary>
    public DType DType { get; }

    /// <summary>Shape of the result.</summary>
    public Shape Shape { get; }

    /// <summary>Axes of the source in the order in which they are read; empty if that is their own.</summary>
    public IReadOnlyList<int> Axes => _axes;

    /// <summary>Element type of the source, where the result has another; else null.</summary>
    public DType? CastFrom => _fromType == DType ? null : _fromType;

    /// <summary>Whether the result has other dimensions than the source with its axes in their new order.</summary>
    public bool IsReshaped => !Permuted(_fromShape, _axes).AsSpan().SequenceEqual(Shape.Dimensions);

    /// <summary>Whether the result is the source.</summary>
    public bool IsAsItIs => _axes.Length == 0 && _fromType == DType && _fromShape == Shape;

    /// <summary>The same elements in the same order, under another type or shape if they differ.</summary>
    /// <returns>Null where they are not as many, or there is no such cast.</returns>
    public static ContentRelation? InOrder(DType fromType, Shape fromShape, DType toType, Shape toShape) =>
        fromShape.ElementCount == toShape.ElementCount && Converts(fromType, toType) ? new(fromType, fromShape, [], toType, toShape) : null;

    /// <summary>A matrix with rows and columns exchanged.</summary>
    /// <returns>Null where it is none, the shapes do not fit, or there is no such cast.</returns>
    public static ContentRelation? Transposed(DType fromType, Shape fromShape, DType toType, Shape toShape) =>
        fromShape.Rank == 2 && toShape.Rank == 2 && fromShape[0] == toShape[1] && fromShape[1] == toShape[0] && IsElementwise(fromType, toType)
            ? new(fromType, fromShape, [1, 0], toType, toShape)
            : null;

    /// <summary>
    /// Every other order of the source's axes that gives the shape, those that move fewest axes first. Axes of one element are no
    /// axes here: they may come, go and move, so that orders that differ in them only count as one.
    /// </summary>
    public static IReadOnlyList<ContentRelation> Permutations(DType fromType, Shape fromShape, DType toType, Shape toShape)
    {
        int[] from = Wide(fromShape);
        int[] to = Wide(toShape);
        if (from.Length != to.Length || from.Length is < 2 or > MostAxes || fromShape.ElementCount != toShape.ElementCount || !IsElementwise(fromType, toType))
        {
            return [];
        }
        List<int[]> orders = [];
        AddOrders(orders, [], from, axes => fromShape[axes[^1]] == toShape[to[axes.Length - 1]]);
        return
        [
            .. orders.Where(order => !order.AsSpan().SequenceEqual(from))
                .OrderBy(order => order.Zip(from).Count(static pair => pair.First != pair.Second))
                .Select(order => new ContentRelation(fromType, fromShape, WithNarrow(order, fromShape, toShape), toType, toShape)),
        ];
    }

    /// <summary>The bytes of the result, made from the source's while they are read.</summary>
    public ByteSource Apply(ByteSource source)
    {
        ByteSource permuted = source;
        if (_axes.Length > 0)
        {
            long[] strides = _fromShape.ContiguousStrides();
            permuted = StridedBytes.Create(source, _fromType.BlockBytes, 0, Permuted(_fromShape, _axes), [.. _axes.Select(axis => strides[axis])]);
        }
        return _fromType == DType ? permuted : CastBytes.Create(new Tensor("", _fromType, Shape, permuted), DType);
    }

    /// <summary>The same change of order and shape for elements of another type, which become <paramref name="toType"/>.</summary>
    /// <returns>Null where there is no such cast, or the elements of one type do not lie in bytes of their own.</returns>
    public ContentRelation? For(DType fromType, DType toType) =>
        (_axes.Length == 0 ? Converts(fromType, toType) : IsElementwise(fromType, toType)) ? new(fromType, _fromShape, _axes, toType, Shape) : null;

    /// <summary>From the result back to the source's order and shape; the element type is the result's and stays.</summary>
    public ContentRelation Back()
    {
        if (_axes.Length == 0)
        {
            return new ContentRelation(DType, Shape, [], DType, _fromShape);
        }
        int[] back = new int[_axes.Length];
        for (int index = 0; index < back.Length; index++)
        {
            back[_axes[index]] = index;
        }
        // Axes of one that were added or left out since do not change where an element lies.
        return new ContentRelation(DType, new Shape(Permuted(_fromShape, _axes)), back, DType, _fromShape);
    }

    /// <summary>For example <c>transposed</c>, <c>axes 0, 2, 3, 1, cast F32 to F16</c>, <c>reshaped [64, 32, 1, 1] to [64, 32]</c>; <c>as it is</c>.</summary>
    public override string ToString()
    {
        List<string> changes = [];
        if (_axes.Length > 0)
        {
            changes.Add(_axes is [1, 0] ? "transposed" : $"axes {string.Join(", ", _axes)}");
        }
        if (IsReshaped)
        {
            changes.Add($"reshaped [{string.Join(", ", Permuted(_fromShape, _axes))}] to {Shape}");
        }
        if (CastFrom is not null)
        {
            changes.Add($"cast {_fromType} to {DType}");
        }
        return changes.Count == 0 ? "as it is" : string.Join(", ", changes);
    }

    // A truth value keeps too little of a number to know it again, and an integer too little of a fraction.
    private static bool Converts(DType from, DType to) => from == to || (DTypes.Conversion.Exists(from, to) && Sort(from) == Sort(to) && Sort(from) != DTypeKind.Bool);

    // The elements of packed types have no bytes of their own that could be put elsewhere.
    private static bool IsElementwise(DType from, DType to) => Converts(from, to) && from.BlockLength == 1 && to.BlockLength == 1;

    private static DTypeKind Sort(DType dtype) => dtype.Kind == DTypeKind.Unsigned ? DTypeKind.Signed : dtype.Kind;

    private static long[] Permuted(Shape shape, int[] axes)
    {
        if (axes.Length == 0)
        {
            return shape.Dimensions.ToArray();
        }
        long[] permuted = new long[axes.Length];
        for (int index = 0; index < axes.Length; index++)
        {
            permuted[index] = shape[axes[index]];
        }
        return permuted;
    }

    private static int[] Wide(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Where(axis => shape[axis] != 1)];

    private static void AddOrders(List<int[]> orders, int[] begun, int[] axes, Func<int[], bool> fits)
    {
        if (begun.Length == axes.Length)
        {
            orders.Add(begun);
            return;
        }
        foreach (int axis in axes.Where(axis => !begun.Contains(axis)))
        {
            int[] longer = [.. begun, axis];
            if (fits(longer))
            {
                AddOrders(orders, longer, axes, fits);
            }
        }
    }

    // Axes of one element go where the result has such, or to the end where it has not as many.
    private static int[] WithNarrow(int[] order, Shape from, Shape to)
    {
        int[] narrow = [.. Enumerable.Range(0, from.Rank).Where(axis => from[axis] == 1)];
        if (from.Rank != to.Rank)
        {
            return [.. order, .. narrow];
        }
        int[] axes = new int[to.Rank];
        (int wide, int nextNarrow) = (0, 0);
        for (int axis = 0; axis < axes.Length; axis++)
        {
            axes[axis] = to[axis] == 1 ? narrow[nextNarrow++] : order[wide++];
        }
        return axes;
    }
}
