using System.Text.Json;
using Weights.Formats;
using Weights.Passes;

namespace Weights.Tests.Passes;

public class ModelCardTests
{
    [Fact]
    public void A_checkpoint_of_ultralytics_says_everything()
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("pytorch/valid/module/module-in-yolo-checkpoint.pt"));
        ModelCard card = ModelCard.Of(checkpoint)!;
        Assert.Equal("tiny_model.TinyModel", card.ClassName);
        Assert.Equal("detect", card.Task);
        Assert.Equal(["cat", "dog"], card.ClassNames);
        Assert.Equal([8, 16, 32], card.Strides);
        Assert.Equal("tiny.yaml", card.Architecture?["yaml_file"]?.ToText());
        Assert.Equal("cats.yaml", card.TrainingArguments?["data"]?.ToText());
        Assert.Equal(("2025-01-02T03:04:05", "8.3.0", 49, 0.5), (card.Date, card.Version, card.Epoch, card.Fitness));
    }

    [Theory]
    [InlineData("""{"model": {"$class": "models.yolo.Model", "names": ["a", "b"], "yaml": {"nc": 2}, "yaml_file": "yolov5s.yaml", "stride": [8.0]}}""", "detect", "a b", "yolov5s.yaml")]
    [InlineData("""{"model": {"$class": "models.yolo.SegmentationModel", "names": {"0": "a"}, "yaml": {"yaml_file": "x"}}}""", "segment", "a", "x")]
    [InlineData("""{"model": null, "ema": {"$class": "ultralytics.nn.tasks.PoseModel", "names": {"0": "a"}, "yaml": {}}}""", "pose", "a", null)]
    [InlineData("""{"$class": "models.yolo.Model", "names": ["a"], "yaml": {}}""", "detect", "a", null)]
    [InlineData("""{"model": {"$class": "somebody.Net"}}""", null, "", null)]
    public void Older_and_other_layouts_are_understood(string metadata, string? task, string names, string? file)
    {
        using Checkpoint checkpoint = Samples.Named("a").With((MetadataValue.Map)Value(JsonDocument.Parse(metadata).RootElement));
        ModelCard card = ModelCard.Of(checkpoint)!;
        Assert.Equal((task, names, file), (card.Task, string.Join(' ', card.ClassNames), card.Architecture?["yaml_file"]?.ToText()));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"epoch": 3, "args": {"lr": 1}}""")]
    [InlineData("""{"model": {"step": 4}}""")]
    public void What_describes_no_network_has_no_card(string metadata)
    {
        using Checkpoint checkpoint = Samples.Named("a").With((MetadataValue.Map)Value(JsonDocument.Parse(metadata).RootElement));
        Assert.Null(ModelCard.Of(checkpoint));
    }

    private static MetadataValue Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => new MetadataValue.Map(json.EnumerateObject().Select(static member => KeyValuePair.Create(member.Name, Value(member.Value)))),
        JsonValueKind.Array => new MetadataValue.List([.. json.EnumerateArray().Select(Value)]),
        JsonValueKind.String => new MetadataValue.Text(json.GetString()!),
        JsonValueKind.Number => json.TryGetInt64(out long integer) && !json.GetRawText().Contains('.', StringComparison.Ordinal) ? new MetadataValue.Integer(integer) : new MetadataValue.Real(json.GetDouble()),
        _ => MetadataValue.Null.Value,
    };
}
