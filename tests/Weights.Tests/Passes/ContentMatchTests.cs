using CsCheck;
using Weights.IO;
using Weights.Passes;

namespace Weights.Tests.Passes;

public class ContentMatchTests
{
    [Fact]
    public void A_tensor_is_found_as_it_is_reshaped_permuted_cast_and_both()
    {
        using Checkpoint names = Samples.Checkpoint(Noise("plain", 1, 4, 5), Noise("conv", 2, 6, 3, 1, 1), Noise("fc", 3, 5, 7), Noise("kernel", 4, 2, 3, 4, 5), Noise("wide", 5, 9, 4), Noise("turned", 6, 3, 8));
        Tensor[] sought =
        [
            names.Find("plain")!.Rename("a"),
            Other("b", new Shape(6, 3), names.Find("conv")!),
            Permuted("c", names.Find("fc")!, 1, 0),
            Permuted("d", names.Find("kernel")!, 2, 3, 1, 0),
            Cast("e", names.Find("wide")!, DType.F16),
            Cast("f", Permuted("f", names.Find("turned")!, 1, 0), DType.BF16),
            Noise("g", 99, 4, 5),
        ];
        IReadOnlyList<ContentMatch> matches = Find(sought, names);
        Assert.Equal(["plain", "conv", "fc", "kernel", "wide", "turned", null], matches.Select(static match => match.Of?.Name));
        Assert.Equal(
            ["as it is", "reshaped [6, 3, 1, 1] to [6, 3]", "transposed", "axes 2, 3, 1, 0", "cast F32 to F16", "transposed, cast F32 to BF16", null],
            matches.Select(static match => match.Relation?.ToString()));
        foreach (ContentMatch match in matches.Where(static match => match.Of is not null))
        {
            ContentRelation relation = match.Relation!;
            Assert.Equal(match.Tensor.Bytes.AllBytes(), relation.Apply(match.Of!.Bytes).AllBytes());
            Tensor back = Cast("back", match.Of!, match.Tensor.DType);
            Assert.Equal(back.Bytes.AllBytes(), relation.Back().Apply(match.Tensor.Bytes).AllBytes());
            Assert.Equal(back.Shape, relation.Back().Shape);
        }
    }

    [Fact]
    public void Any_order_of_up_to_four_axes_is_found_and_turned_back() => Gen.Select(Gen.Long[1, 4].Array[1, 4], Gen.Int[0, 1000]).Sample((dimensions, seed) =>
    {
        Random random = new(seed);
        Tensor original = Noise("original", seed, dimensions);
        int[] axes = [.. Enumerable.Range(0, dimensions.Length)];
        random.Shuffle(axes);
        Tensor sought = Permuted("sought", original, axes);
        using Checkpoint names = Samples.Checkpoint(original);
        ContentMatch match = Find([sought], names).Single();
        Assert.Equal("original", match.Of?.Name);
        Assert.Equal(sought.Bytes.AllBytes(), match.Relation!.Apply(original.Bytes).AllBytes());
        Assert.Equal(sought.Shape, match.Relation.Shape);
        Assert.Equal(original.Bytes.AllBytes(), match.Relation.Back().Apply(sought.Bytes).AllBytes());
        Assert.Equal(original.Shape, match.Relation.Back().Shape);
    });

    [Fact]
    public void A_matrix_of_fewer_axes_is_found_transposed_in_one_of_more()
    {
        Tensor convolution = Noise("conv", 1, 6, 3, 1, 1);
        using Checkpoint names = Samples.Checkpoint(convolution);
        Tensor sought = Other("matmul", new Shape(3, 6), Permuted("x", convolution, 1, 0, 2, 3));
        ContentMatch match = Find([sought], names).Single();
        Assert.Equal("axes 1, 0, 2, 3, reshaped [3, 6, 1, 1] to [3, 6]", match.Relation?.ToString());
        Assert.Equal(convolution.Bytes.AllBytes(), match.Relation!.Back().Apply(sought.Bytes).AllBytes());
    }

    [Fact]
    public void Of_several_with_one_content_the_name_decides_then_the_module_and_else_nothing()
    {
        Tensor Zeros(string name) => Samples.Tensor(name, DType.F32, 0, 0, 0);
        using Checkpoint names = Samples.Checkpoint(
            Noise("encoder.0.weight", 1, 3, 2), Zeros("encoder.0.bias"), Noise("encoder.1.weight", 2, 3, 2), Zeros("encoder.1.bias"), Zeros("encoder.1.shift"), Zeros("alone"), Zeros("head.bias"));
        IReadOnlyList<ContentMatch> matches = Find(
            [Noise("m.0.weight", 1, 3, 2), Zeros("m.0.bias"), Noise("m.1.weight", 2, 3, 2), Zeros("m.1.bias"), Zeros("alone"), Zeros("somewhere")], names);
        Assert.Equal(["encoder.0.weight", "encoder.0.bias", "encoder.1.weight", "encoder.1.bias", "alone", null], matches.Select(static match => match.Of?.Name));
        Assert.Equal(["encoder.0.bias", "encoder.1.bias", "encoder.1.shift", "alone", "head.bias"], matches[^1].Candidates.Select(static candidate => candidate.Name));
    }

    [Fact]
    public void A_single_whole_number_is_nobody_by_its_content_alone()
    {
        using Checkpoint names = Samples.Checkpoint(Samples.Tensor("bn.num_batches_tracked", DType.I64, 7), Samples.Tensor("scale", DType.F32, 2.6592), Noise("bn.weight", 1, 4));
        IReadOnlyList<ContentMatch> matches = Find([Samples.Tensor("axis", DType.I64, 7), Samples.Tensor("factor", DType.F32, 2.6592)], names);
        Assert.Equal([null, "scale"], matches.Select(static match => match.Of?.Name));
        Assert.True(matches[0].IsSlight);
        matches = Find([Samples.Tensor("norm.count", DType.I64, 7), Noise("norm.weight", 1, 4)], names);
        Assert.Equal(["bn.num_batches_tracked", "bn.weight"], matches.Select(static match => match.Of?.Name));
    }

    [Fact]
    public void Integers_floats_and_truth_values_are_not_taken_for_each_other()
    {
        using Checkpoint names = Samples.Checkpoint(Samples.Tensor("floats", DType.F32, 1, 1, 1), Samples.Tensor("wide", DType.I64, 5, 6, 7));
        Assert.All(Find([Samples.Tensor("a", DType.Bool, 1, 1, 1), Samples.Tensor("b", DType.I32, 1, 1, 1)], names), static match => Assert.Null(match.Of));
        Assert.Equal("wide", Find([Samples.Tensor("c", DType.I32, 5, 6, 7)], names).Single().Of?.Name);
    }

    [Fact]
    public void Tensors_without_elements_have_no_content()
    {
        using Checkpoint names = Samples.Checkpoint(new Tensor("empty", DType.F32, new Shape(0, 3), new MemoryBytes(Array.Empty<byte>())));
        Assert.Null(Find([new Tensor("also", DType.F32, new Shape(0, 3), new MemoryBytes(Array.Empty<byte>()))], names).Single().Of);
    }

    [Fact]
    public void Nothing_is_read_whole()
    {
        RecordedBytes left = new(Bytes(1, 3 << 20), null);
        RecordedBytes right = new(Bytes(1, 3 << 20), null);
        using Checkpoint names = Samples.Checkpoint(new Tensor("b", DType.U8, new Shape(3 << 20), right));
        Assert.Equal("b", Find([new Tensor("a", DType.U8, new Shape(3, 1 << 20), left)], names).Single().Of?.Name);
        Assert.InRange(Math.Max(left.LargestRead, right.LargestRead), 1, ByteSource.ChunkBytes);
    }

    [Fact]
    public void Broken_bytes_name_the_tensor_and_the_file()
    {
        using Checkpoint names = Samples.Checkpoint(new Tensor("bad", DType.F32, new Shape(3), new BrokenBytes(12)));
        WeightFileException error = Assert.Throws<WeightFileException>(() => Find([Samples.Tensor("a", DType.F32, 1, 2, 3)], names));
        Assert.Equal(("bad", "sample"), (error.Tensor, error.File));
    }

    internal static IReadOnlyList<ContentMatch> Find(IReadOnlyList<Tensor> sought, Checkpoint names) =>
        ContentMatch.Find(sought, Samples.Checkpoint(sought), names, null, CancellationToken.None);

    internal static Tensor Noise(string name, int seed, params long[] dimensions)
    {
        Random random = new(seed);
        Shape shape = new(dimensions);
        return Other(name, shape, Samples.Tensor(name, DType.F32, [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => random.NextDouble() - 0.5)]));
    }

    internal static Tensor Other(string name, Shape shape, Tensor tensor) => new(name, tensor.DType, shape, tensor.Bytes);

    internal static Tensor Cast(string name, Tensor tensor, DType to)
    {
        Checkpoint cast = Samples.Checkpoint(tensor.Rename(name)).Cast([new CastRule(tensor.DType, to)], new Ledger());
        return cast.Tensors[0];
    }

    // Element by element, without the code that is tested.
    internal static Tensor Permuted(string name, Tensor tensor, params int[] axes)
    {
        double[] values = tensor.Values();
        long[] strides = tensor.Shape.ContiguousStrides();
        Shape shape = new([.. axes.Select(axis => tensor.Shape[axis])]);
        double[] permuted = new double[values.Length];
        for (long index = 0; index < values.Length; index++)
        {
            long rest = index;
            long from = 0;
            for (int axis = axes.Length - 1; axis >= 0; axis--)
            {
                (rest, long coordinate) = Math.DivRem(rest, shape[axis]);
                from += coordinate * strides[axes[axis]];
            }
            permuted[index] = values[from];
        }
        return Other(name, shape, Samples.Tensor(name, tensor.DType, permuted));
    }

    private static byte[] Bytes(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private sealed class BrokenBytes(long length) : ByteSource
    {
        public override long Length => length;

        protected override void ReadCore(long offset, Span<byte> destination) => throw new WeightFileException(Fault.Corrupt, "is broken");
    }
}
