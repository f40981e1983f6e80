using Weights.Formats.PyTorch;
using Weights.Formats.PyTorch.Containers;
using Weights.Formats.PyTorch.Pickle;
using Weights.Formats.PyTorch.Recipes;
using Weights.Formats.PyTorch.Roots;
using Weights.Formats.PyTorch.Tree;
using Weights.Formats.PyTorch.Writing;
using Weights.IO;

namespace Weights.Formats.PyTorch
{
    /// <summary>
    /// PyTorch checkpoints: a zip archive <c>ROOT/data.pkl | ROOT/byteorder | ROOT/data/0 … | ROOT/version</c> in which the pickle describes
    /// any Python value and its tensors are views of the storages in <c>data/</c>.
    /// <see href="https://pytorch.org/docs/stable/notes/serialization.html"/>
    /// </summary>
    internal sealed class PyTorchFormat : Format
    {
        public override string Name => "pytorch";

        public override string Title => "PyTorch checkpoints (torch.save)";

        public override IReadOnlyList<string> Extensions { get; } = [".pt", ".pth", ".bin", ".ckpt", ".th", ".ptl", ".jit", ".pth.tar"];

        public override IReadOnlyList<DType> Reads { get; } = [.. TorchElement.Models.OrderBy(static dtype => dtype.Name, StringComparer.Ordinal)];

        public override IReadOnlyList<DType> Writes => PyTorchLayout.DTypes;

        public override bool HasRoots => true;

        public override bool Sniff(Input input) => TorchZip.Sniff(input);

        public override Checkpoint Read(Input input, ReadOptions options)
        {
            TorchZip archive = TorchZip.Open(input);
            if (archive.IsScript)
            {
                throw new WeightFileException(Fault.Unsupported, "is TorchScript, a program with its weights, which is not read; load it with torch.jit.load and save its state_dict()");
            }
            PickleNode root = new PickleMachine(archive.Pickle, archive.PickleName).Run();
            return ReadValue(input, options, archive, root, $"zip, {(archive.IsBigEndian ? "big" : "little")}-endian, {archive.Count} storages");
        }

        public override IReadOnlyList<FileLayout> Layout(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger) =>
            PyTorchLayout.Create(checkpoint, fileName, options, ledger);

        private static Checkpoint ReadValue(Input input, ReadOptions options, StorageSource storages, PickleNode value, string variant)
        {
            PickleTree tree = new(new TorchRecipes(storages));
            PickleNode root = tree.Resolve(value);
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
                LeftOut = [.. collector.LeftOut, .. metadata.LeftOut],
            };
        }
    }
}

namespace Weights.Formats
{
    public abstract partial class Format
    {
        /// <summary>PyTorch checkpoints.</summary>
        public static Format PyTorch { get; } = Register(new PyTorchFormat());
    }
}
