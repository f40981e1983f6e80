using Weights.Formats;
using Weights.IO;
using Weights.Tests.Pickle;

namespace Weights.Tests.Formats.PyTorch;

/// <summary>Quantised and sparse tensors whose parts do not fit each other. That sound ones are right is what the listings say.</summary>
public class CompositeTests
{
    [Theory]
    [InlineData(0, 2, "")]
    [InlineData(1, 3, "")]
    [InlineData(2, 2, "do not fit")]
    [InlineData(0, 3, "do not fit")]
    [InlineData(-1, 2, "axis that is none")]
    public void A_scale_for_each_channel_must_fit_the_shape(long axis, long scales, string problem)
    {
        byte[] file = File(pickle => Quantized(pickle, parameters => parameters.Op("(").Global("torch", "per_channel_affine")
            .Tensor("DoubleStorage", "1", 8, 0, [scales], [1]).Tensor("LongStorage", "2", 8, 0, [scales], [1]).Integer(axis).Op("t")));
        if (problem.Length == 0)
        {
            using Checkpoint checkpoint = Open(file, dequantize: true);
            Assert.Equal("F32 [2, 3]", $"{checkpoint.Tensors[0].DType.Name} {checkpoint.Tensors[0].Shape}");
            return;
        }
        WeightFileException error = Assert.Throws<WeightFileException>(() => Open(file, dequantize: true));
        Assert.Equal((Fault.Corrupt, "q"), (error.Fault, error.Tensor));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_any_part_of_dequantised_floats_gives_the_same_as_reading_all()
    {
        byte[] file = File(static pickle => Quantized(pickle, static parameters => parameters.Op("(").Global("torch", "per_channel_affine")
            .Tensor("DoubleStorage", "1", 8, 0, [3], [1]).Tensor("LongStorage", "2", 8, 0, [3], [1]).Integer(1).Op("t")));
        using Checkpoint checkpoint = Open(file, dequantize: true);
        byte[] all = checkpoint.Tensors[0].Read();
        for (int start = 0; start < all.Length; start++)
        {
            byte[] part = new byte[Math.Min(7, all.Length - start)];
            checkpoint.Tensors[0].Bytes.Read(start, part);
            Assert.Equal(all[start..(start + part.Length)], part);
        }
    }

    [Theory]
    [InlineData("torch.sparse_coo", "is sparse, with indices that are no tensor")]
    [InlineData("torch.sparse_dia", "layout 'torch.sparse_dia', which is not known")]
    public void A_sparse_tensor_of_no_tensors_is_refused(string layout, string problem)
    {
        byte[] file = File(pickle => pickle.Global("torch._utils", "_rebuild_sparse_tensor").Op("(").Text(layout).Op("(").Integer(1).Integer(2).Integers(3).Op("ttR"));
        WeightFileException error = Assert.Throws<WeightFileException>(() => Open(file, dequantize: false));
        Assert.Equal("q", error.Tensor);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    private static void Quantized(PickleBuilder pickle, Action<PickleBuilder> parameters)
    {
        pickle.Global("torch._utils", "_rebuild_qtensor").Op("(").Storage("QInt8Storage", "0", 64).Integer(0).Integers(2, 3).Integers(3, 1);
        parameters(pickle);
        pickle.Op("\x89").Global("collections", "OrderedDict").Op(")RtR");
    }

    private static byte[] File(Action<PickleBuilder> tensor) =>
        TorchFiles.Zip(new PickleBuilder().Dict(PickleBuilder.Entry("q", tensor)).Stop(), [.. Enumerable.Range(0, 3).Select(static key => TorchFiles.Storage($"{key}", 64))]);

    private static Checkpoint Open(byte[] file, bool dequantize) => Format.PyTorch.Read(new MemoryInput("test.pt", file), new ReadOptions { Dequantize = dequantize });
}
