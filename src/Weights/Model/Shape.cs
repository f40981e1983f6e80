using System.Collections.Immutable;

namespace Weights;

/// <summary>Dimensions of a tensor, outermost first; no dimensions is a scalar of one element.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly ImmutableArray<long> _dimensions;

    /// <summary>A shape of the given dimensions, outermost first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    /// <exception cref="OverflowException">The number of elements does not fit 63 bits.</exception>
    public Shape(params ReadOnlySpan<long> dimensions)
    {
        long count = 1;
        foreach (long dimension in dimensions)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension, nameof(dimensions));
            count = checked(count * dimension);
        }
        _dimensions = [.. dimensions];
        ElementCount = count;
    }

    private Shape(ImmutableArray<long> dimensions, long count)
    {
        _dimensions = dimensions;
        ElementCount = count;
    }

    /// <summary>The shape of one number: no dimensions, one element.</summary>
    public static Shape Scalar { get; } = new([]);

    /// <summary>As the constructor, for dimensions that come from a file.</summary>
    /// <returns>False when a dimension is negative or the product, taken in order, does not fit 63 bits.</returns>
    public static bool TryCreate(ReadOnlySpan<long> dimensions, out Shape shape)
    {
        long count = 1;
        foreach (long dimension in dimensions)
        {
            Int128 product = (Int128)count * dimension;
            if (dimension < 0 || product > long.MaxValue)
            {
                shape = default;
                return false;
            }
            count = (long)product;
        }
        shape = new Shape([.. dimensions], count);
        return true;
    }

    /// <summary>Dimensions, outermost first.</summary>
    public ReadOnlySpan<long> Dimensions => _dimensions.IsDefault ? [] : _dimensions.AsSpan();

    /// <summary>Number of dimensions.</summary>
    public int Rank => _dimensions.IsDefault ? 0 : _dimensions.Length;

    /// <summary>Product of the dimensions; 1 for a scalar.</summary>
    public long ElementCount => _dimensions.IsDefault ? 1 : field;

    /// <summary>The dimension at <paramref name="axis"/>, 0 being the outermost.</summary>
    public long this[int axis] => _dimensions[axis];

    /// <summary>Strides, in elements, of a row-major contiguous tensor of this shape.</summary>
    public long[] ContiguousStrides()
    {
        long[] strides = new long[Rank];
        long stride = 1;
        for (int axis = Rank - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            // A dimension of zero makes the outer strides meaningless; 1 keeps them from vanishing, as the reference libraries do.
            stride = checked(stride * Math.Max(this[axis], 1));
        }
        return strides;
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) => Dimensions.SequenceEqual(other.Dimensions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (long dimension in Dimensions)
        {
            hash.Add(dimension);
        }
        return hash.ToHashCode();
    }

    /// <summary>For example <c>[64, 3, 7, 7]</c>; <c>[]</c> for a scalar.</summary>
    public override string ToString() => $"[{string.Join(", ", Dimensions.ToArray())}]";

    /// <summary>Whether both have the same dimensions.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether the dimensions differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);
}
