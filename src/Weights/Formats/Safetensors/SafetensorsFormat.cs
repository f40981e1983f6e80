using System.Buffers.Binary;
using Weights.Formats.Safetensors;
using Weights.IO;

namespace Weights.Formats.Safetensors
{
    /// <summary>
    /// <c>u64 LE n | n bytes of JSON | bytes of the tensors</c>, without gaps; see https://github.com/huggingface/safetensors.
    /// Sets of shards have an index beside them, as the Hub's libraries write it: see <see cref="ShardIndex"/>.
    /// </summary>
    internal sealed class SafetensorsFormat : Format
    {
        private const string Extension = ".safetensors";

        /// <inheritdoc/>
        public override string Name => "safetensors";

        /// <inheritdoc/>
        public override string Title => "safetensors of Hugging Face, single files and shards with an index";

        /// <inheritdoc/>
        public override IReadOnlyList<string> Extensions { get; } = [Extension, Extension + ShardIndex.Suffix];

        /// <inheritdoc/>
        public override IReadOnlyList<DType> Reads => StoredTypes.ByName;

        /// <inheritdoc/>
        public override IReadOnlyList<DType> Writes => StoredTypes.ByName;

        /// <inheritdoc/>
        public override bool WritesShards => true;

        /// <inheritdoc/>
        public override bool Sniff(Input input) => LooksLikeFile(input.Head) || ShardIndex.Sniff(input, [Extension]);

        /// <inheritdoc/>
        public override IReadOnlyList<FolderFile> FindInFolder(Folder folder) => ShardIndex.FindInFolder(folder, [Extension]);

        /// <inheritdoc/>
        public override Checkpoint Read(Input input, ReadOptions options) =>
            !LooksLikeFile(input.Head) && ShardIndex.Sniff(input, [Extension])
                ? ShardSet.Open(input, ShardIndex.Read(input.Bytes), Name, ReadFile)
                : ReadFile(input);

        /// <inheritdoc/>
        public override IReadOnlyList<FileLayout> Layout(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger) =>
            SafetensorsLayout.Files(checkpoint, fileName, options, ledger);

        private Checkpoint ReadFile(Input input)
        {
            (List<Tensor> tensors, MetadataValue.Map metadata) = Header.Read(input.Bytes);
            string? framework = (metadata[Ties.FormatKey] as MetadataValue.Text)?.Value;
            (tensors, List<Alias> aliases, metadata) = Ties.Restore(tensors, metadata);
            return new Checkpoint(tensors, new Origin(input.Path, Name, "single file", input.Bytes.Length, framework), input) { Metadata = metadata, Aliases = aliases };
        }

        // A possible length and a brace, however the file goes on; or, should the length be damaged, what only such a header holds.
        private static bool LooksLikeFile(ReadOnlySpan<byte> head)
        {
            if (head.Length <= Header.LengthBytes)
            {
                return false;
            }
            ReadOnlySpan<byte> text = head[Header.LengthBytes..];
            bool hasLength = BinaryPrimitives.ReadUInt64LittleEndian(head) <= Header.MaxBytes;
            if (hasLength && text.TrimStart(" \t\r\n"u8) is [(byte)'{', .. ReadOnlySpan<byte> members])
            {
                return members.TrimStart(" \t\r\n"u8) is [] or [(byte)'"' or (byte)'}', ..];
            }
            bool isText = head[..Header.LengthBytes].IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0;
            return !isText && (text.IndexOf("\"data_offsets\""u8) >= 0 || text.IndexOf("\"__metadata__\""u8) >= 0);
        }
    }
}

namespace Weights.Formats
{
    public abstract partial class Format
    {
        /// <summary>safetensors.</summary>
        public static Format Safetensors { get; } = Register(new SafetensorsFormat());
    }
}
