using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.DeepSpeed;

/// <summary>
/// A folder that DeepSpeed saved a training into: files of <c>torch.save</c>, of which those of the optimizer have the weights in full precision, each
/// rank's a part of them, and those of the model say which parameters they are.
/// <see href="https://deepspeed.readthedocs.io/en/latest/model-checkpointing.html"/>
/// </summary>
internal static class DeepSpeedReader
{
    private const string Module = "module";

    // The parts of the model states that have been used up when the state dict is there.
    private static readonly string[] s_consumed = ["param_shapes", "frozen_param_shapes", "frozen_param_fragments", "buffer_names", "shared_params"];

    /// <summary>Reads a folder.</summary>
    /// <param name="input">The file that stands for it.</param>
    /// <param name="folder">All that is in it.</param>
    /// <param name="options">How to read it.</param>
    public static Checkpoint Read(Input input, Folder folder, ReadOptions options)
    {
        DeepSpeedFiles files = DeepSpeedFiles.Of(folder);
        if (files.Optimizers.Count == 0 && files.Model == input.FileName)
        {
            return TorchReader.Read(input, options); // Without ZeRO, each weight is in the model states.
        }
        List<Partition> partitions = Partitions(input, folder, files);
        List<RankFile> models = Models(input, folder, files, partitions[0]);
        Consolidation state = new(partitions, models);
        state.Run();
        RankFile model = models[0];
        PickleDict root = Root(model, state.Tensors);
        PickleTree tree = model.File.Tree;
        RootChoice choice = RootChoice.At(tree, root, options.Root ?? Module);
        RankFile[] opened = [.. models, .. partitions.Select(static partition => partition.File)];
        Origin origin = new(input.Path, "pytorch", $"DeepSpeed ZeRO-{partitions[0].Stage}, {Counted(partitions.Count, "rank")}", opened.Sum(static file => file.File.Input.Bytes.Length), "pt");
        return TorchReader.Read(input, tree, root, choice, origin, () => LeftOut(model, state.Tensors, partitions).Concat(Inert(opened)));
    }

    private static List<Partition> Partitions(Input input, Folder folder, DeepSpeedFiles files)
    {
        if (files.Optimizers.Count == 0)
        {
            throw new WeightFileException(Fault.Corrupt, "has no *_optim_states.pt, in which each rank has its part of the weights; copy them too", folder.Path);
        }
        List<Partition> partitions = [.. files.Optimizers.Values.Select(name => Partition.Read(RankFile.Open(input, name)))];
        Partition first = partitions[0];
        foreach (Partition partition in partitions.Skip(1))
        {
            if ((partition.Stage, partition.Ranks, partition.Groups.Count) != (first.Stage, first.Ranks, first.Groups.Count))
            {
                throw partition.File.Corrupt($"is of ZeRO stage {partition.Stage} with {Counted(partition.Ranks, "rank")} and {Counted(partition.Groups.Count, "group")}, where {WeightFileException.Quote(first.File.Name)} is of stage {first.Stage} with {Counted(first.Ranks, "rank")} and {Counted(first.Groups.Count, "group")}: the files are not of one checkpoint");
            }
        }
        if (partitions.Count != first.Ranks)
        {
            throw new WeightFileException(Fault.Corrupt, $"has the *_optim_states.pt of {Counted(partitions.Count, "rank")}, where the weights were cut for {first.Ranks}{Missing(files.Optimizers, first.Ranks)}: a rank's file was not saved or not copied, or is of an older checkpoint", folder.Path);
        }
        return files.Optimizers.ContainsKey(first.Ranks - 1)
            ? partitions
            : throw new WeightFileException(Fault.Corrupt, $"has {Counted(partitions.Count, "rank")}{Missing(files.Optimizers, first.Ranks)}; copy that file too", folder.Path);
    }

    private static List<RankFile> Models(Input input, Folder folder, DeepSpeedFiles files, Partition first)
    {
        string[] names = first.Stage == 3 ? [.. files.Models.Values] : files.Model is { } all ? [all] : [];
        bool isComplete = first.Stage != 3 || files.Models.ContainsKey(0) && (names.Length == 1 || names.Length == first.Ranks);
        return names.Length > 0 && isComplete
            ? [.. names.Select(name => RankFile.Open(input, name))]
            : throw new WeightFileException(
                Fault.Corrupt,
                names.Length == 0 || !files.Models.ContainsKey(0)
                    ? $"has no {(first.Stage == 3 ? "zero_pp_rank_0_" : "")}mp_rank_00_model_states.pt, which says what the parameters are; copy it too"
                    : $"has the *_model_states.pt of {Counted(names.Length, "rank")} out of {first.Ranks}{Missing(files.Models, first.Ranks)}; copy them too",
                folder.Path);
    }

    private static string Missing(IReadOnlyDictionary<long, string> files, long ranks)
    {
        for (long rank = 0; rank < Math.Min(ranks, files.Count + 1); rank++)
        {
            if (!files.ContainsKey(rank))
            {
                return $", rank {rank}'s is missing";
            }
        }
        return "";
    }

    // The model states, with the weights where each was a placeholder or in half precision.
    private static PickleDict Root(RankFile model, IReadOnlyDictionary<string, TorchTensor> tensors)
    {
        PickleDict root = new();
        foreach ((string name, PickleNode value) in model.Named(model.Root).Where(static entry => !s_consumed.Contains(entry.Key)))
        {
            root.Add(new PickleText(name), name != Module ? value : new PickleDict([.. tensors.Select(static tensor => KeyValuePair.Create<PickleNode, PickleNode>(new PickleText(tensor.Key), tensor.Value))]));
        }
        return root;
    }

    private static IEnumerable<LeftOut> LeftOut(RankFile model, IReadOnlyDictionary<string, TorchTensor> tensors, List<Partition> partitions)
    {
        int halves = 0;
        foreach ((string name, PickleNode node) in model.Named(model.Find(model.Root, Module)))
        {
            if (node is not TorchTensor { View.Bytes: var bytes } || bytes == 0)
            {
                continue;
            }
            if (tensors.TryGetValue(name, out TorchTensor? read))
            {
                halves += ReferenceEquals(read, node) ? 0 : 1;
            }
            else
            {
                yield return new LeftOut(name, $"is in {WeightFileException.Quote(model.Name)}, but no parameter that was trained or frozen, nor a buffer; open that file by itself to get it");
            }
        }
        if (halves > 0)
        {
            yield return new LeftOut(Module, $"{Counted(halves, "tensor")} as the model computed with them; those in full precision are read instead; open {WeightFileException.Quote(model.Name)} by itself to get them");
        }
        string first = partitions[0].File.Name;
        yield return new LeftOut("optimizer_state_dict", $"state of the training, no weights, in the *_optim_states.pt of each rank; open one by itself to get its part, such as {WeightFileException.Quote(first)}");
    }

    private static IEnumerable<LeftOut> Inert(IEnumerable<RankFile> files) =>
        files.SelectMany(static file => InertCalls.Find(file.File.Tree, file.File.Calls, $"{file.File.PickleName} of {file.Name}")).DistinctBy(static entry => entry.Path);

    private static string Counted(long count, string what) => count == 1 ? $"1 {what}" : $"{count:N0} {what}s";
}
