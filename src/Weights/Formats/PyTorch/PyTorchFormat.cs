using Weights.Formats.PyTorch;
using Weights.Formats.PyTorch.DeepSpeed;
using Weights.Formats.PyTorch.Distributed;
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
        // The Hub's libraries write pytorch_model-00001-of-00002.bin; others keep their own extension.
        private static readonly string[] s_shardExtensions = [".bin", ".pt", ".pth"];

        public override string Name => "pytorch";

        public override string Title => "PyTorch checkpoints (torch.save), distributed ones and DeepSpeed's by their folder";

        public override IReadOnlyList<string> Extensions { get; } = [".pt", ".pth", ".bin", ".ckpt", ".th", ".ptl", ".jit", ".pth.tar"];

        public override IReadOnlyList<DType> Reads { get; } = [.. TorchElement.Models.OrderBy(static dtype => dtype.Name, StringComparer.Ordinal)];

        public override IReadOnlyList<DType> Writes => PyTorchLayout.DTypes;

        public override bool HasRoots => true;

        public override bool WritesShards => true;

        public override bool Sniff(Input input) => TorchFile.Sniff(input) || DistributedReader.Sniff(input) || IsIndex(input);

        public override IReadOnlyList<FolderFile> FindInFolder(Folder folder)
        {
            IReadOnlyList<FolderFile> saved = [.. DistributedReader.FindInFolder(folder), .. DeepSpeedFiles.FindInFolder(folder)];
            return saved.Count > 0 ? saved : ShardIndex.FindInFolder(folder, Extensions);
        }

        public override Checkpoint Read(Input input, ReadOptions options) => IsIndex(input)
            ? ShardSet.Open(input, ShardIndex.Read(input.Bytes), Name, shard => TorchReader.Read(shard, options))
            : DistributedReader.Sniff(input) || DistributedReader.IsItems(input.FileName) ? DistributedReader.Read(input, options)
            : options.Folder is { } folder && DeepSpeedFiles.Are(folder) ? DeepSpeedReader.Read(input, folder, options)
            : TorchReader.Read(input, options);

        public override IReadOnlyList<FileLayout> Layout(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger) =>
            PyTorchLayout.Create(checkpoint, fileName, options, ledger);

        private static bool IsIndex(Input input) => ShardIndex.Sniff(input, s_shardExtensions);
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
