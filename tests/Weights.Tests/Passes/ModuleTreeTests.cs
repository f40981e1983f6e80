using Weights.Formats;
using Weights.Passes;

namespace Weights.Tests.Passes;

public class ModuleTreeTests
{
    [Fact]
    public void A_pickled_network_has_classes_and_tells_parameters_from_buffers()
    {
        // The counts are those of torch: sum(p.numel() for p in module.parameters()), and of its buffers that are saved.
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("pytorch/valid/module/module-in-yolo-checkpoint.pt"));
        string[] lines = [.. checkpoint.Modules().Flatten().Select(static module => $"{module.Path} {module.ClassName?.Split('.')[^1]} {module.Parameters} {module.Buffers} {module.Tensors}")];
        Assert.Equal(
            [
                " TinyModel 28 14 15",
                "model Sequential 16 10 12",
                "model.0 Block 8 5 6",
                "model.0.conv Conv2d 4 0 1",
                "model.0.norm BatchNorm2d 4 5 5",
                "model.0.act SiLU 0 0 0",
                "model.1 Block 8 5 6",
                "model.1.conv Conv2d 4 0 1",
                "model.1.norm BatchNorm2d 4 5 5",
                "model.1.act SiLU 0 0 0",
                "embed Embedding 12 0 1",
                "head Linear 0 0 1",
            ],
            lines);
    }

    [Fact]
    public void Without_classes_the_names_are_the_tree()
    {
        using Checkpoint checkpoint = Samples.Named("layers.0.weight", "layers.0.bias", "layers.1.weight", "scale");
        Assert.Equal([" 8", "layers 6", "layers.0 4", "layers.1 2"], checkpoint.Modules().Flatten().Select(static module => $"{module.Path} {module.Parameters}"));
        Assert.All(checkpoint.Modules().Flatten(), static module => Assert.Null(module.ClassName));
    }

    [Fact]
    public void Names_of_nothing_but_dots_make_no_deep_tree()
    {
        using Checkpoint checkpoint = Samples.Named(new string('.', 100_000), "a");
        Assert.Equal(65, checkpoint.Modules().Flatten().Count());
    }

    [Fact]
    public void Shared_tensors_count_once()
    {
        using Checkpoint checkpoint = Samples.Named("embed.weight", "head.weight").WithAliases(new Alias("head.weight", "embed.weight", AliasKind.Same));
        Assert.Equal([2, 2, 0], checkpoint.Modules().Flatten().Select(static module => module.Parameters));
    }
}
