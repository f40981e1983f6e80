using Weights.Formats.Onnx;
using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.Reading;
using Weights.Formats.Onnx.Wire;
using Weights.Formats.Onnx.Writing;
using Weights.IO;

namespace Weights.Formats.Onnx
{
    /// <summary>
    /// A protobuf message (<c>ModelProto</c>) of a graph whose tensors stand among its nodes, or in files beside it:
    /// <c>ir_version | producer | graph { nodes, initializers, inputs, outputs } | operator sets | metadata</c>; see
    /// https://github.com/onnx/onnx/blob/main/docs/IR.md and https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
    /// </summary>
    internal sealed class OnnxFormat : Format
    {
        /// <inheritdoc/>
        public override string Name => "onnx";

        /// <inheritdoc/>
        public override string Title => "ONNX models, with their elements inside or in files beside them; single tensors and sequences";

        /// <inheritdoc/>
        public override IReadOnlyList<string> Extensions { get; } = [".onnx", ".pb"];

        /// <inheritdoc/>
        public override IReadOnlyList<DType> Reads => ElementType.Stored;

        /// <inheritdoc/>
        public override IReadOnlyList<DType> Writes => ElementType.Stored;

        /// <inheritdoc/>
        public override bool WritesExternal => true;

        /// <inheritdoc/>
        public override bool Sniff(Input input) => Recognition.Of(input.Bytes) != MessageKind.Other;

        /// <inheritdoc/>
        public override Checkpoint Read(Input input, ReadOptions options)
        {
            MessageKind kind = Recognition.Of(input.Bytes);
            ModelReader reader = new(input, Name, kind);
            return kind switch
            {
                MessageKind.Tensor => reader.Tensor(options),
                MessageKind.Sequence => reader.Sequence(options),
                _ => reader.Model(options),
            };
        }

        /// <inheritdoc/>
        public override bool KeepsGraph(Checkpoint checkpoint) => checkpoint.Original is OnnxModel;

        /// <inheritdoc/>
        public override bool KeepsQuantizedValues => true;

        /// <inheritdoc/>
        public override IReadOnlyList<FileLayout> Layout(Checkpoint checkpoint, string fileName, WriteOptions options, Ledger ledger) =>
            OnnxLayout.Files(checkpoint, fileName, options, ledger);
    }
}

namespace Weights.Formats
{
    public abstract partial class Format
    {
        /// <summary>ONNX.</summary>
        public static Format Onnx { get; } = Register(new OnnxFormat());
    }
}
