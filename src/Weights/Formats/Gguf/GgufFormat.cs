using Weights.Formats.Gguf;
using Weights.IO;

namespace Weights.Formats.Gguf
{
    /// <summary>
    /// <c>"GGUF" | u32 version | u64 tensors | u64 entries | entries | tensors | padding | bytes of the tensors, each padded</c>, where an entry is
    /// <c>key | u32 type | value</c> and a tensor <c>name | u32 rank | u64 dimensions, innermost first | u32 type | u64 offset</c>, and a string is its length in 64 bits
    /// and UTF-8; see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
    /// Large models are split into files that name no others: see <see cref="SplitFiles"/>.
    /// </summary>
    internal sealed class GgufFormat : Format
    {
        private const string Extension = ".gguf";

        /// <inheritdoc/>
        public override string Name => "gguf";

        /// <inheritdoc/>
        public override string Title => "GGUF of ggml and llama.cpp, versions 2 and 3, single files and split ones";

        /// <inheritdoc/>
        public override IReadOnlyList<string> Extensions { get; } = [Extension];

        /// <inheritdoc/>
        public override IReadOnlyList<DType> Reads => TensorTypes.Stored;

        /// <inheritdoc/>
        public override IReadOnlyList<DType> Writes => TensorTypes.Stored;

        /// <inheritdoc/>
        public override bool WritesShards => true;

        /// <inheritdoc/>
        public override bool Sniff(Input input) => input.Head.StartsWith("GGUF"u8);

        /// <inheritdoc/>
        public override IReadOnlyList<FolderFile> FindInFolder(Folder folder) => SplitFiles.FindInFolder(folder, Extension);

        /// <inheritdoc/>
        public override Checkpoint Read(Input input, ReadOptions options) => SplitFiles.Read(input, Name);

        /// <inheritdoc/>
        public override IReadOnlyList<FileLayout> Layout(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger) =>
            GgufLayout.Files(checkpoint, fileName, options, ledger);
    }
}

namespace Weights.Formats
{
    public abstract partial class Format
    {
        /// <summary>GGUF.</summary>
        public static Format Gguf { get; } = Register(new GgufFormat());
    }
}
