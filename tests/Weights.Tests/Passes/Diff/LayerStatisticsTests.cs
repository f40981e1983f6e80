using Weights.Passes.Diff;

namespace Weights.Tests.Passes.Diff;

public class LayerStatisticsTests
{
    [Fact]
    public void A_layer_has_the_numbers_of_all_its_tensors()
    {
        using Checkpoint a = Samples.Checkpoint(
            Samples.Tensor("net.10.w", DType.F32, 1, 2), Samples.Tensor("net.2.w", DType.F32, 3, 4), Samples.Tensor("net.2.b", DType.F32, 1, 1, 1, 1, 1, 1), Samples.Tensor("head", DType.F32, 1), Samples.Tensor("gone", DType.F32, 5));
        using Checkpoint b = Samples.Checkpoint(
            Samples.Tensor("net.10.w", DType.F32, 1, 2), Samples.Tensor("net.2.w", DType.F32, 3, 6), Samples.Tensor("net.2.b", DType.F32, 1, 1, 1, 1, 1, 1), Samples.Tensor("head", DType.F32, 1.5), Samples.Tensor("new", DType.F32, 6, 7));

        IReadOnlyList<LayerStatistics> layers = LayerStatistics.Of(CheckpointDiff.Compare(a, b, new DiffOptions { HasHistograms = true }));

        Assert.Equal(["net.2", "net.10", "head", "new", "gone"], layers.Select(static layer => layer.Name));
        LayerStatistics second = layers[0];
        Assert.Equal((2, 1, true), (second.Tensors.Count, second.Different, second.HasStatistics));
        Assert.Equal((1 / 8.0, 2.0, 2 / 8.0, 2 / 5.0), (second.ChangedShare, second.MaxAbsolute, second.MeanAbsolute, second.RelativeL2));
        Assert.Equal(Math.Sqrt(4 / 8.0), second.RootMeanSquare, 1e-15);
        Assert.Equal(33 / (5 * Math.Sqrt(45)), second.Cosine, 1e-15);
        Assert.False(layers[1].HasStatistics);
        Assert.Equal((0, 1, 0.5), (layers[1].Different, layers[3].Different, layers[2].MaxAbsolute));
        Assert.Equal(1, second.Tensors[0].Statistics!.Histogram[64 + 1]);
        Assert.Equal(11, LayerStatistics.Compared(layers.SelectMany(static layer => layer.Tensors)));
    }
}
