using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.DeepSpeed;

/// <summary>One rank's part of the weights in full precision: for each group of parameters, elements in a row.</summary>
/// <param name="File">The rank's file.</param>
/// <param name="Stage">Of ZeRO: with 1 and 2, a part is a stretch of all parameters; with 3 it has a stretch of each.</param>
/// <param name="Ranks">How many ranks there are.</param>
/// <param name="Groups">The elements.</param>
internal sealed record Partition(RankFile File, long Stage, long Ranks, IReadOnlyList<Stretch> Groups)
{
    private const string State = "optimizer_state_dict";

    /// <summary>Reads what a file of optimizer states says.</summary>
    public static Partition Read(RankFile file)
    {
        PickleDict state = file.Get(file.Root, State) as PickleDict ?? throw file.Corrupt($"has an {State} that is no dict");
        long stage = file.Integer(file.Get(state, "zero_stage")) ?? throw file.Corrupt("has a zero_stage that is no number");
        if (stage is not (1 or 2 or 3))
        {
            throw new WeightFileException(Fault.Unsupported, $"is of ZeRO stage {stage}; stages 1, 2 and 3 are put together", file.File.Input.Path);
        }
        PickleNode count = file.Get(state, "partition_count");
        // With stages 1 and 2 each group of parameters has a count of its own; those of experts are smaller.
        long? ranks = file.Items(count) is { Count: > 0 } counts ? counts.Max(file.Integer) : file.Integer(count);
        string key = stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups";
        IReadOnlyList<PickleNode> groups = file.Items(file.Get(state, key)) ?? throw file.Corrupt($"has {key} that are no list");
        return new Partition(
            file,
            stage,
            ranks ?? throw file.Corrupt("has a partition_count that is no number"),
            [.. groups.Select((group, index) => Stretch.Of(file, $"{key}.{index}", group))]);
    }
}

/// <summary>Elements in a row.</summary>
internal sealed record Stretch(TorchElement Element, long Count, ByteSource Bytes)
{
    /// <summary>All elements of a tensor.</summary>
    public static Stretch Of(RankFile file, string name, PickleNode node)
    {
        TorchTensor tensor = node as TorchTensor ?? throw file.Corrupt($"has {node.Kind} where a tensor should be", name);
        try
        {
            Tensor opened = tensor.ToTensor(name);
            return new Stretch(tensor.View!.Element, opened.Shape.ElementCount, opened.Bytes);
        }
        catch (WeightFileException error)
        {
            throw error.In(file.File.Input.Path);
        }
    }

    /// <summary>Several, one after the other.</summary>
    /// <param name="parts">At least one.</param>
    /// <param name="file">The file of the first, for messages.</param>
    public static Stretch Join(IReadOnlyList<Stretch> parts, RankFile file) =>
        parts.FirstOrDefault(part => part.Element != parts[0].Element) is { } other
            ? throw file.Corrupt($"has elements of torch.{parts[0].Element.Name} where another one has torch.{other.Element.Name}")
            : new Stretch(parts[0].Element, parts.Sum(static part => part.Count), ConcatenatedBytes.Create(parts.Select(static part => part.Bytes)));

    /// <summary>Some of the elements.</summary>
    public Stretch Slice(long first, long count) => new(Element, count, Bytes.Slice(first * Element.Bytes, count * Element.Bytes));

    /// <summary>The elements as a tensor of a shape that has as many.</summary>
    public TorchTensor ToTensor(Shape shape)
    {
        TorchStorage storage = new(this, Element, Count, IsBigEndian: false, () => Bytes);
        return TorchTensor.Of(new TorchView(storage, Element, 0, shape.Dimensions.ToArray(), shape.ContiguousStrides()));
    }
}
