using CsCheck;
using Weights.IO;

namespace Weights.Tests.IO;

public class TiledBytesTests
{
    // Cuts at random places, each of one box along one axis: what a tree of cuts can make.
    private static readonly Gen<(int ElementBytes, long[] Shape, (long[] Offsets, long[] Sizes)[] Boxes)> s_tiling =
        from elementBytes in Gen.OneOf(1, 2, 4, 16)
        from shape in Gen.Long[0, 6].Array[0, 4]
        from seed in Gen.Int[0, int.MaxValue]
        from cuts in Gen.Int[0, 12]
        select (elementBytes, shape, Cut(shape, cuts, new Random(seed)));

    [Fact]
    public void Any_tiling_reads_as_the_whole_does() => s_tiling.Sample(tiling =>
    {
        (int elementBytes, long[] shape, (long[] Offsets, long[] Sizes)[] boxes) = tiling;
        byte[] whole = Noise(shape.Aggregate(1L, static (product, size) => product * size) * elementBytes);
        ByteSource source = TiledBytes.Create(elementBytes, shape, [.. boxes.Select(box => Part(whole, elementBytes, shape, box.Offsets, box.Sizes))]);
        Assert.Equal(whole.Length, source.Length);
        AssertPartsEqual(whole, source);
    });

    [Fact]
    public void A_pinwheel_which_no_straight_cut_parts_reads_right()
    {
        long[] shape = [5, 5];
        byte[] whole = Noise(25 * 2);
        (long[], long[])[] boxes = [([0, 0], [2, 3]), ([0, 3], [3, 2]), ([2, 2], [1, 1]), ([3, 2], [2, 3]), ([2, 0], [3, 2])];
        AssertPartsEqual(whole, TiledBytes.Create(2, shape, [.. boxes.Select(box => Part(whole, 2, shape, box.Item1, box.Item2))]));
    }

    [Theory]
    [InlineData(64, 3000, 1, 7)] // rows shorter than a window
    [InlineData(3, 40_000, 1, 4)] // rows that are read where they belong
    [InlineData(200, 300, 20, 30)]
    public void A_grid_larger_than_a_window_reads_right(int rows, int columns, int down, int across)
    {
        byte[] whole = Noise(rows * columns * 4L);
        List<Tile> tiles = [];
        for (int row = 0; row < down; row++)
        {
            for (int column = 0; column < across; column++)
            {
                (long y, long x) = (rows * row / down, columns * column / across);
                tiles.Add(Part(whole, 4, [rows, columns], [y, x], [(rows * (row + 1) / down) - y, (columns * (column + 1) / across) - x]));
            }
        }
        tiles.Reverse();
        AssertPartsEqual(whole, TiledBytes.Create(4, [rows, columns], tiles));
    }

    [Fact]
    public void Slices_of_the_first_dimension_follow_each_other_and_so_do_their_checksums()
    {
        byte[] whole = Noise(60);
        long[] shape = [1, 5, 3];
        ByteSource source = TiledBytes.Create(4, shape, [Part(whole, 4, shape, [0, 2, 0], [1, 3, 3]), Part(whole, 4, shape, [0, 0, 0], [1, 2, 3])]);
        Assert.IsType<ConcatenatedBytes>(source);
        AssertPartsEqual(whole, source);
        Assert.Null(source.Crc32);
        ByteSource[] parts = [.. new byte[][] { whole[..20], whole[20..21], [], whole[21..] }.Select(static part => (ByteSource)new Checked(part))];
        Assert.Equal(Crc32Value.Of(whole), ConcatenatedBytes.Create(parts).Crc32);
    }

    [Fact]
    public void Slices_of_what_is_put_together_have_only_the_parts_they_need()
    {
        byte[] whole = Noise(30);
        ByteSource source = ConcatenatedBytes.Create([new MemoryBytes(whole.AsMemory(0, 10)), new MemoryBytes(whole.AsMemory(10, 10)), new MemoryBytes(whole.AsMemory(20))]);
        Assert.IsNotType<ConcatenatedBytes>(source.Slice(10, 10));
        AssertPartsEqual(whole[5..25], source.Slice(5, 20));
        Assert.Equal(0, source.Slice(10, 0).Length);
        Assert.Equal(0, source.Slice(30, 0).Length);
    }

    [Theory]
    [InlineData("leave a gap: no chunk has the element [0, 2]", "0,0 3,2", "1,2 2,2")]
    [InlineData("leave a gap: no chunk has the element [2, 3]", "0,0 2,4", "2,0 1,3")]
    [InlineData("leave a gap: no chunk has the element [0, 0]")]
    [InlineData("overlap: more than one has the element [1, 1]", "0,0 2,2", "0,2 2,2", "1,1 2,3", "2,0 1,1")]
    [InlineData("overlap: more than one has the element [0, 0]", "0,0 3,4", "0,0 3,4")]
    [InlineData("overlap: more than one has the element [0, 3]", "0,0 3,4", "0,3 1,1")]
    [InlineData("do not lie inside the shape [3, 4]: one of [3, 4] begins at [0, 1]", "0,1 3,4")]
    [InlineData("do not lie inside", "-1,0 4,4")]
    [InlineData("do not lie inside", "0,0 3,-4")]
    [InlineData("do not lie inside", "0,0,0 3,4,1")]
    [InlineData("do not lie inside", "9223372036854775807,0 9223372036854775807,4")]
    public void What_does_not_tile_is_refused_with_the_first_element_at_fault(string problem, params string[] boxes)
    {
        Tile[] tiles = [.. boxes.Select(static box => box.Split(' ')).Select(static box => new Tile(Numbers(box[0]), Numbers(box[1]), new MemoryBytes(Array.Empty<byte>())))];
        WeightFileException error = Assert.Throws<WeightFileException>(() => TiledBytes.Create(1, [3, 4], tiles));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hundred_thousand_boxes_are_put_together_and_found_in_time_that_grows_with_their_number()
    {
        const int side = 316;
        byte[] whole = Noise(side * side);
        List<Tile> tiles = [];
        for (int index = 0; index < side * side; index++)
        {
            tiles.Add(new Tile([index / side, index % side], [1, 1], new MemoryBytes(whole.AsMemory(index, 1))));
        }
        System.Diagnostics.Stopwatch watch = System.Diagnostics.Stopwatch.StartNew();
        ByteSource source = TiledBytes.Create(1, [side, side], tiles);
        byte[] part = new byte[3];
        for (int offset = 0; offset < 30_000; offset += 3)
        {
            source.Read(offset, part);
            Assert.Equal(whole.AsSpan(offset, 3).ToArray(), part);
        }
        AssertPartsEqual(whole, source);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"takes {watch.Elapsed}"); // A second on an idle machine; looking at each box for each read takes minutes.
    }

    private static (long[] Offsets, long[] Sizes)[] Cut(long[] shape, int cuts, Random random)
    {
        List<(long[] Offsets, long[] Sizes)> boxes = [(new long[shape.Length], shape)];
        for (int cut = 0; cut < cuts && shape.Length > 0; cut++)
        {
            int index = random.Next(boxes.Count);
            int axis = random.Next(shape.Length);
            ((long[] offsets, long[] sizes), long size) = (boxes[index], random.NextInt64(boxes[index].Sizes[axis] + 1));
            (long[] left, long[] right, long[] offset) = ([.. sizes], [.. sizes], [.. offsets]);
            (left[axis], right[axis], offset[axis]) = (size, sizes[axis] - size, offsets[axis] + size);
            boxes[index] = (offsets, left);
            boxes.Insert(random.Next(boxes.Count + 1), (offset, right));
        }
        return [.. boxes];
    }

    private static Tile Part(byte[] whole, int elementBytes, long[] shape, long[] offsets, long[] sizes)
    {
        List<byte> bytes = [];
        Visit(0, 0);
        return new Tile(offsets, sizes, new MemoryBytes(bytes.ToArray()));

        void Visit(int axis, long element)
        {
            if (axis == shape.Length)
            {
                bytes.AddRange(whole.AsSpan((int)(element * elementBytes), elementBytes));
                return;
            }
            for (long index = 0; index < sizes[axis]; index++)
            {
                Visit(axis + 1, (element * shape[axis]) + offsets[axis] + index);
            }
        }
    }

    private static void AssertPartsEqual(byte[] expected, ByteSource source)
    {
        byte[] all = new byte[source.Length];
        source.Read(0, all);
        Assert.Equal(expected, all);
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

    private static long[] Numbers(string text) => [.. text.Split(',').Select(long.Parse)];

    private static byte[] Noise(long length)
    {
        byte[] bytes = new byte[length];
        new Random(7).NextBytes(bytes);
        return bytes;
    }

    private sealed class Checked(byte[] bytes) : ByteSource
    {
        public override long Length => bytes.Length;

        public override uint? Crc32 => Crc32Value.Of(bytes);

        protected override void ReadCore(long offset, Span<byte> destination) => bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }
}
