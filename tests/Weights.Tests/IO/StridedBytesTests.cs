using System.Runtime.InteropServices;
using CsCheck;
using Weights.IO;

namespace Weights.Tests.IO;

public class StridedBytesTests
{
    private static readonly Gen<(int ElementBytes, long First, long[] Shape, long[] Strides)> s_view =
        from elementBytes in Gen.OneOf(1, 2, 4, 8, 16)
        from first in Gen.Long[0, 7]
        from axes in Gen.Select(Gen.Long[0, 5], Gen.Long[0, 40]).Array[0, 5]
        select (elementBytes, first, axes.Select(static axis => axis.Item1).ToArray(), axes.Select(static axis => axis.Item2).ToArray());

    private static readonly int[][] s_orders = [[0, 2, 1], [2, 0, 1], [2, 1, 0], [1, 2, 0]];

    private static readonly Gen<(int ElementBytes, int Planes, int Rows, int Columns, int Gap, int[] Order)> s_planes =
        from elementBytes in Gen.OneOf(1, 2, 4)
        from planes in Gen.Int[1, 3]
        from rows in Gen.Int[1, 200]
        from columns in Gen.Int[1, 200]
        from gap in Gen.OneOf(0, 3, 5000)
        from order in Gen.Int[0, 3]
        select (elementBytes, planes, rows, columns, gap, s_orders[order]);

    [Fact]
    public void Any_view_reads_as_indexing_every_element_does() => s_view.Sample(view =>
    {
        long elements = view.First + view.Shape.Zip(view.Strides, static (size, stride) => Math.Max(size - 1, 0) * stride).Sum() + 1;
        byte[] storage = Noise(elements * view.ElementBytes);
        byte[] expected = Indexed(storage, view.ElementBytes, view.First, view.Shape, view.Strides);
        ByteSource source = StridedBytes.Create(new MemoryBytes(storage), view.ElementBytes, view.First, view.Shape, view.Strides);
        Assert.Equal(expected.Length, source.Length);
        Assert.Equal(expected, ReadAll(source));
        AssertPartsEqual(expected, source);
    });

    [Theory]
    [InlineData(2000, 1500, 4)]
    [InlineData(3, 400_000, 2)]
    [InlineData(400_000, 3, 8)]
    public void A_transposed_matrix_larger_than_a_window_reads_right(int rows, int columns, int elementBytes)
    {
        byte[] storage = Noise((long)rows * columns * elementBytes);
        long[] shape = [columns, rows];
        long[] strides = [1, columns];
        ByteSource source = StridedBytes.Create(new MemoryBytes(storage), elementBytes, 0, shape, strides);
        Assert.Equal(Indexed(storage, elementBytes, 0, shape, strides), ReadAll(source));
    }

    [Fact]
    public void Matrices_of_any_sides_are_turned_as_indexing_every_element_does() => s_planes.Sample(view =>
    {
        long[] shape = [view.Planes, view.Rows, view.Columns];
        long pitch = view.Columns + view.Gap;
        long[] strides = [view.Rows * pitch, pitch, 1];
        byte[] storage = Noise(view.Planes * strides[0] * view.ElementBytes);
        shape = [.. view.Order.Select(axis => shape[axis])];
        strides = [.. view.Order.Select(axis => strides[axis])];
        byte[] expected = Indexed(storage, view.ElementBytes, 0, shape, strides);
        ByteSource source = StridedBytes.Create(new MemoryBytes(storage), view.ElementBytes, 0, shape, strides);
        Assert.Equal(expected, ReadAll(source));
        AssertPartsEqual(expected, source);
    }, iter: 300);

    [Theory]
    [InlineData(9, 300_000, 1)]
    [InlineData(300_000, 9, 2)]
    [InlineData(20, 100_000, 4)]
    [InlineData(70, 9_000, 4)]
    [InlineData(1029, 1031, 2)]
    public void Matrices_of_which_a_window_has_only_some_are_turned(int rows, int columns, int elementBytes)
    {
        byte[] storage = Noise((long)rows * columns * elementBytes);
        long[] shape = [columns, rows];
        long[] strides = [1, columns];
        ByteSource source = StridedBytes.Create(new MemoryBytes(storage), elementBytes, 0, shape, strides);
        Assert.True(Indexed(storage, elementBytes, 0, shape, strides).AsSpan().SequenceEqual(ReadAll(source)));
    }

    // 36 MB: three bands, read in chunks that do not divide them, and from elsewhere in between.
    [Fact]
    public void A_transposed_matrix_larger_than_a_band_reads_right_in_any_order()
    {
        byte[] storage = Noise(3000 * 3000 * 4);
        long[] shape = [3000, 3000];
        long[] strides = [1, 3000];
        ByteSource source = StridedBytes.Create(new MemoryBytes(storage), 4, 0, shape, strides);
        byte[] expected = new byte[storage.Length];
        ReadOnlySpan<uint> from = MemoryMarshal.Cast<byte, uint>(storage);
        Span<uint> to = MemoryMarshal.Cast<byte, uint>(expected.AsSpan());
        for (int index = 0; index < to.Length; index++)
        {
            to[index] = from[(index % 3000 * 3000) + (index / 3000)];
        }
        Assert.True(source.ReadsForward);
        byte[] chunk = new byte[1_000_004];
        foreach (int reading in (int[])[1, 2])
        {
            for (int offset = 0; offset < expected.Length; offset += chunk.Length)
            {
                Span<byte> part = chunk.AsSpan(0, Math.Min(chunk.Length, expected.Length - offset));
                source.Read(offset, part);
                Assert.True(part.SequenceEqual(expected.AsSpan(offset, part.Length)), $"at {offset} in reading {reading}");
                int elsewhere = (int)(offset * 7L % (expected.Length - 100));
                source.Read(elsewhere, part[..100]);
                Assert.True(part[..100].SequenceEqual(expected.AsSpan(elsewhere, 100)));
                if (reading == 1 && offset > 20_000_000)
                {
                    break; // And begun again.
                }
            }
        }
        byte[] both = new byte[expected.Length];
        Parallel.For(0, 36, part => source.Read(part * 1_000_000, both.AsSpan(part * 1_000_000, 1_000_000)));
        Assert.True(both.AsSpan().SequenceEqual(expected));
    }

    [Fact]
    public void An_expanded_row_needs_no_more_storage_than_it_has()
    {
        ByteSource source = StridedBytes.Create(new MemoryBytes(new byte[] { 1, 2, 3 }), 1, 0, [2, 3, 4], [0, 1, 0]);
        Assert.Equal(new byte[] { 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3 }, ReadAll(source));
    }

    [Theory]
    [InlineData(10, 0, new long[] { 10 }, new long[] { 1 }, true)]
    [InlineData(10, 1, new long[] { 10 }, new long[] { 1 }, false)]
    [InlineData(10, 0, new long[] { 2, 5 }, new long[] { 5, 1 }, true)]
    [InlineData(10, 0, new long[] { 2, 5 }, new long[] { 6, 1 }, false)]
    [InlineData(10, 9, new long[] { 1_000_000, 3 }, new long[] { 0, 0 }, true)]
    [InlineData(10, 100, new long[] { 0 }, new long[] { 1 }, true)]
    [InlineData(10, -1, new long[] { 1 }, new long[] { 1 }, false)]
    [InlineData(10, 0, new long[] { 2 }, new long[] { -1 }, false)]
    [InlineData(10, 0, new long[] { 2 }, new long[] { long.MaxValue }, false)]
    [InlineData(10, 0, new long[] { long.MaxValue, 2 }, new long[] { 0, 0 }, false)]
    [InlineData(10, 0, new long[] { 2 }, new long[] { 1, 1 }, false)]
    public void Bounds_are_those_of_the_last_element(long elements, long first, long[] shape, long[] strides, bool inside) =>
        Assert.Equal(inside, StridedBytes.IsInside(elements, first, shape, strides));

    [Fact]
    public void A_contiguous_view_is_a_plain_slice()
    {
        ByteSource source = StridedBytes.Create(new MemoryBytes(new byte[64]), 4, 2, [2, 1, 3], [3, 99, 1]);
        Assert.IsNotType<StridedBytes>(source);
        Assert.Equal(24, source.Length);
    }

    [Theory]
    [InlineData(2, new byte[] { 2, 1, 4, 3, 6, 5, 8, 7 })]
    [InlineData(4, new byte[] { 4, 3, 2, 1, 8, 7, 6, 5 })]
    [InlineData(8, new byte[] { 8, 7, 6, 5, 4, 3, 2, 1 })]
    public void Swapped_words_read_right_from_any_offset(int wordBytes, byte[] expected)
    {
        ByteSource source = ByteSwappedBytes.Create(new MemoryBytes(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }), wordBytes);
        AssertPartsEqual(expected, source);
    }

    private static void AssertPartsEqual(byte[] expected, ByteSource source)
    {
        for (int start = 0; start < expected.Length; start += Math.Max(1, expected.Length / 7))
        {
            for (int length = 0; length <= expected.Length - start; length += Math.Max(1, expected.Length / 5))
            {
                byte[] part = new byte[length];
                source.Read(start, part);
                Assert.Equal(expected.AsSpan(start, length).ToArray(), part);
            }
        }
    }

    private static byte[] ReadAll(ByteSource source)
    {
        byte[] all = new byte[source.Length];
        source.Read(0, all);
        return all;
    }

    private static byte[] Indexed(byte[] storage, int elementBytes, long first, long[] shape, long[] strides)
    {
        List<byte> result = [];
        Visit(0, first);
        return [.. result];

        void Visit(int axis, long element)
        {
            if (axis == shape.Length)
            {
                result.AddRange(storage.AsSpan((int)(element * elementBytes), elementBytes));
                return;
            }
            for (long index = 0; index < shape[axis]; index++)
            {
                Visit(axis + 1, element + (index * strides[axis]));
            }
        }
    }

    private static byte[] Noise(long length)
    {
        byte[] bytes = new byte[length];
        new Random(7).NextBytes(bytes);
        return bytes;
    }
}
