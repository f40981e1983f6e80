using CsCheck;

namespace Weights.Tests.Model;

public class ShapeTests
{
    private static readonly Gen<long[]> s_small = Gen.Long[0, 6].Array[0, 5];
    private static readonly Gen<long[]> s_any = Gen.OneOf(Gen.Long[-2, 6], Gen.Long, Gen.Long[1L << 28, 1L << 34]).Array[0, 6];

    [Fact]
    public void Contiguous_strides_number_the_elements_in_order() => s_small.Sample(static dimensions =>
    {
        Shape shape = new(dimensions);
        long[] strides = shape.ContiguousStrides();
        Assert.Equal(shape.Rank, strides.Length);
        long expected = 0;
        foreach (long[] index in Indexes(dimensions))
        {
            Assert.Equal(expected++, index.Zip(strides, static (at, stride) => at * stride).Sum());
        }
        Assert.Equal(shape.ElementCount, expected);
    });

    [Fact]
    public void A_shape_is_created_exactly_when_its_count_fits() => s_any.Sample(static dimensions =>
    {
        bool fits = true;
        Int128 count = 1;
        foreach (long dimension in dimensions)
        {
            count *= dimension;
            fits &= dimension >= 0 && count <= long.MaxValue;
            if (!fits)
            {
                break;
            }
        }
        Assert.Equal(fits, Shape.TryCreate(dimensions, out Shape shape));
        if (fits)
        {
            Assert.Equal((long)count, shape.ElementCount);
            Assert.Equal(dimensions, shape.Dimensions.ToArray());
            Assert.Equal(new Shape(dimensions), shape);
            Assert.Equal(new Shape(dimensions).GetHashCode(), shape.GetHashCode());
        }
        else
        {
            Assert.ThrowsAny<Exception>(() => new Shape(dimensions));
        }
    });

    [Fact]
    public void Shapes_are_equal_when_their_dimensions_are() => Gen.Select(s_small, s_small).Sample(static (left, right) =>
    {
        Assert.Equal(left.SequenceEqual(right), new Shape(left) == new Shape(right));
        Assert.Equal(left.SequenceEqual(right), new Shape(left).ToString() == new Shape(right).ToString());
    });

    [Fact]
    public void A_scalar_has_no_dimensions_and_one_element()
    {
        Assert.Equal((0, 1L, "[]"), (Shape.Scalar.Rank, Shape.Scalar.ElementCount, Shape.Scalar.ToString()));
        Assert.Equal(Shape.Scalar, default);
        Assert.Equal(1, default(Shape).ElementCount);
        Assert.Empty(Shape.Scalar.ContiguousStrides());
        Assert.Equal([6, 2, 2, 1], new Shape(5, 3, 0, 2).ContiguousStrides());
    }

    private static IEnumerable<long[]> Indexes(long[] dimensions)
    {
        if (dimensions.Length == 0)
        {
            return [[]];
        }
        return Indexes(dimensions[..^1]).SelectMany(outer => Enumerable.Range(0, (int)dimensions[^1]).Select(inner => (long[])[.. outer, inner]));
    }
}
