using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Script;
using Weights.Formats.PyTorch.Tree;
using Weights.IO;
using Weights.Pickle;

namespace Weights.Formats.PyTorch;

/// <summary>From a file's pickle and storages to a checkpoint: which part is the weights, their names, and what else the file says.</summary>
internal static class TorchReader
{
    /// <summary>Reads one file.</summary>
    public static Checkpoint Read(Input input, ReadOptions options)
    {
        TorchFile file = TorchFile.Open(input, options.Dequantize);
        PickleTree tree = file.Tree;
        if (file.Root is PickleCall call && !tree.HoldsTensors(call) && !tree.TryModule(call, out _))
        {
            throw new WeightFileException(Fault.Unsupported, $"holds no tensors, only {call.Kind}, which Python would make by calling it when it loads the file", offset: call.Offset);
        }
        RootChoice choice = options.Root is { } path ? RootChoice.At(tree, file.Root, path) : RootChoice.Default(tree, file.Root);
        Origin origin = new(input.Path, "pytorch", file.Variant, input.Bytes.Length, "pt");
        ScriptMetadata? script = ScriptMetadata.Read(tree, file.Root);
        Checkpoint checkpoint = Read(input, tree, file.Root, choice, origin, () => [.. script?.LeftOut ?? [], .. InertCalls.Find(tree, file.Calls, file.PickleName), .. file.LeftOut]);
        return script is null ? checkpoint : checkpoint.With(script.AddTo(checkpoint.Metadata));
    }

    /// <summary>The chosen part of a tree as a checkpoint.</summary>
    /// <param name="input">What the checkpoint closes.</param>
    /// <param name="tree">Everything that was saved.</param>
    /// <param name="root">The top of it.</param>
    /// <param name="choice">The part that is the weights.</param>
    /// <param name="origin">What it was read from.</param>
    /// <param name="leftOut">What else is left out; asked when all that is wanted of the tree has been resolved.</param>
    public static Checkpoint Read(Input input, PickleTree tree, PickleNode root, RootChoice choice, Origin origin, Func<IEnumerable<LeftOut>> leftOut)
    {
        TensorCollector collector = new(tree, choice);
        collector.Run();
        MetadataReader metadata = new(tree, choice);
        MetadataValue.Map values = metadata.Read(root);
        return new Checkpoint(collector.Tensors.Select(static tensor => tensor.Tensor.ToTensor(tensor.Name)), origin, input)
        {
            Metadata = values,
            Modules = ModuleCollector.Collect(tree, choice.Node),
            Aliases = TorchAliases.Find(collector.Tensors),
            LeftOut = [.. collector.LeftOut, .. metadata.LeftOut, .. leftOut()],
        };
    }
}
