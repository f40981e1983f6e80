using Weights.Formats.PyTorch.Containers;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Script;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>From a file's pickle and storages to a checkpoint: which part is the weights, their names, and what else the file says.</summary>
internal static class TorchReader
{
    /// <summary>Whether the file is one that torch saved, in any of its layouts.</summary>
    public static bool Sniff(Input input) => TorchZip.Sniff(input) || LegacyFile.Sniff(input.Head) || TarFile.Sniff(input) || IsFlatBuffer(input.Head);

    /// <summary>Reads one file.</summary>
    public static Checkpoint Read(Input input, ReadOptions options)
    {
        if (LegacyFile.Sniff(input.Head))
        {
            LegacyFile legacy = LegacyFile.Open(input);
            return Read(input, options, legacy, legacy.Value, legacy.Calls, "the value's pickle", $"legacy, {Counted(legacy.Count)}", legacy.LeftOut);
        }
        if (TarFile.Sniff(input))
        {
            TarFile tar = TarFile.Open(input);
            return Read(input, options, tar, tar.Value, tar.Calls, "the tar archive's pickles", $"tar, {Counted(tar.Count)}", []);
        }
        if (IsFlatBuffer(input.Head))
        {
            throw new WeightFileException(Fault.Unsupported, "is a TorchScript model for phones as a FlatBuffer, which is not read; save it again without _use_flatbuffer, or take the file that it was made from");
        }
        if (!TorchZip.Sniff(input))
        {
            throw Diagnosis.Of(input);
        }
        TorchZip archive = TorchZip.Open(input);
        PickleMachine machine = new(archive.Pickle, archive.PickleName);
        PickleNode value = machine.Run();
        ScriptArchive? script = archive.IsScript ? ScriptArchive.Open(archive, value) : null;
        StorageSource storages = archive.Storages("data");
        string kind = script is null ? "zip" : "TorchScript";
        int count = storages.Count + (script is null ? 0 : archive.Storages("constants").Count);
        return Read(input, options, storages, value, machine.Calls, archive.PickleName, $"{kind}, {archive.ByteOrder}, {Counted(count)}", [], script);
    }

    // A FlatBuffer's identifier follows the place of its root.
    private static bool IsFlatBuffer(ReadOnlySpan<byte> head) => head.Length >= 8 && head[4..].StartsWith("PTMF"u8);

    private static string Counted(int storages) => storages == 1 ? "1 storage" : $"{storages} storages";

    private static Checkpoint Read(Input input, ReadOptions options, StorageSource storages, PickleNode value, IReadOnlyList<PickleCall> calls, string pickleName, string variant, IReadOnlyList<LeftOut> rest, ScriptArchive? script = null)
    {
        PickleTree tree = new(new TorchRecipes(storages), script);
        PickleNode root = tree.Resolve(value);
        if (root is PickleCall call && !tree.HoldsTensors(root) && !tree.TryModule(root, out _))
        {
            throw new WeightFileException(Fault.Unsupported, $"holds no tensors, only {call.Kind}, which Python would make by calling it when it loads the file", offset: call.Offset);
        }
        RootChoice choice = options.Root is { } path ? RootChoice.At(tree, root, path) : RootChoice.Default(tree, root);
        TensorCollector collector = new(tree, choice);
        collector.Run();
        MetadataReader metadata = new(tree, choice);
        MetadataValue.Map values = script is not null && !tree.HoldsTensors(root) ? MetadataValue.Map.Empty : metadata.Read(root);
        IReadOnlyList<LeftOut> leftOut = metadata.LeftOut;
        if (script is not null)
        {
            ScriptMetadata described = new(tree, script);
            values = new MetadataValue.Map(values.Concat(described.Read(root)));
            leftOut = [.. leftOut, .. described.LeftOut];
            calls = [.. calls.Where(static call => !ScriptArchive.IsOf(call))]; // What these make is read.
        }
        return new Checkpoint(
            collector.Tensors.Select(static tensor => tensor.Tensor.ToTensor(tensor.Name)),
            new Origin(input.Path, "pytorch", variant, input.Bytes.Length, "pt"),
            input)
        {
            Metadata = values,
            Aliases = TorchAliases.Find(collector.Tensors),
            LeftOut = [.. collector.LeftOut, .. leftOut, .. InertCalls.Find(tree, calls, pickleName), .. rest],
        };
    }
}
