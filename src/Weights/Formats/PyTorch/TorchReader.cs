using Weights.Formats.PyTorch.Containers;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>From a file's pickle and storages to a checkpoint: which part is the weights, their names, and what else the file says.</summary>
internal static class TorchReader
{
    /// <summary>Whether the file is one that torch saved, in any of its layouts.</summary>
    public static bool Sniff(Input input) => TorchZip.Sniff(input) || LegacyFile.Sniff(input.Head) || TarFile.Sniff(input);

    /// <summary>Reads one file.</summary>
    public static Checkpoint Read(Input input, ReadOptions options)
    {
        if (LegacyFile.Sniff(input.Head))
        {
            LegacyFile legacy = LegacyFile.Open(input);
            return Read(input, options, legacy, legacy.Value, legacy.Calls, "the value's pickle", $"legacy, {Counted(legacy.Count)}");
        }
        if (TarFile.Sniff(input))
        {
            TarFile tar = TarFile.Open(input);
            return Read(input, options, tar, tar.Value, tar.Calls, "the tar archive's pickles", $"tar, {Counted(tar.Count)}");
        }
        if (!TorchZip.Sniff(input))
        {
            throw Diagnosis.Of(input);
        }
        TorchZip archive = TorchZip.Open(input);
        if (archive.IsScript)
        {
            throw new WeightFileException(Fault.Unsupported, "is TorchScript, a program with its weights, which is not read; load it with torch.jit.load and save its state_dict()");
        }
        PickleMachine machine = new(archive.Pickle, archive.PickleName);
        PickleNode value = machine.Run();
        return Read(input, options, archive, value, machine.Calls, archive.PickleName, $"zip, {(archive.IsBigEndian ? "big" : "little")}-endian, {Counted(archive.Count)}");
    }

    private static string Counted(int storages) => storages == 1 ? "1 storage" : $"{storages} storages";

    private static Checkpoint Read(Input input, ReadOptions options, StorageSource storages, PickleNode value, IReadOnlyList<PickleCall> calls, string pickleName, string variant)
    {
        PickleTree tree = new(new TorchRecipes(storages));
        PickleNode root = tree.Resolve(value);
        if (root is PickleCall call && !tree.HoldsTensors(root))
        {
            throw new WeightFileException(Fault.Unsupported, $"holds no tensors, only {call.Kind}, which Python would make by calling it when it loads the file", offset: call.Offset);
        }
        RootChoice choice = options.Root is { } path ? RootChoice.At(tree, root, path) : RootChoice.Default(tree, root);
        TensorCollector collector = new(tree, choice);
        collector.Run();
        MetadataReader metadata = new(tree, choice);
        MetadataValue.Map values = metadata.Read(root);
        return new Checkpoint(
            collector.Tensors.Select(static tensor => tensor.Tensor.ToTensor(tensor.Name)),
            new Origin(input.Path, "pytorch", variant, input.Bytes.Length, "pt"),
            input)
        {
            Metadata = values,
            Aliases = TorchAliases.Find(collector.Tensors),
            LeftOut = [.. collector.LeftOut, .. metadata.LeftOut, .. InertCalls.Find(tree, calls, pickleName)],
        };
    }
}
