using Google.Protobuf;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Wire;

namespace Weights.Formats.Onnx;

/// <summary>A model as a file has it: what <see cref="Checkpoint.Original"/> is for checkpoints that were read from one.</summary>
/// <param name="Message">All but the elements of its tensors.</param>
/// <param name="Skeleton">The elements, by the numbers that stand in <paramref name="Message"/>.</param>
/// <param name="Tensors">Every tensor that was read, by name, those that the checkpoint does not hold among them.</param>
internal sealed record OnnxModel(ModelProto Message, Skeleton Skeleton, IReadOnlyDictionary<string, Tensor> Tensors)
{
    // protobuf's own; the walk over the file has looked at the way to each tensor, but not at types within types.
    private const int MaxDepth = 100;

    /// <summary>Parses a message whose elements have been taken out.</summary>
    /// <exception cref="WeightFileException">It is none.</exception>
    public static T Parse<T>(Skeleton skeleton, MessageParser<T> parser)
        where T : IMessage<T>
    {
        try
        {
            using CodedInputStream stream = CodedInputStream.CreateWithLimits(new MemoryStream(skeleton.Bytes.ToArray(), writable: false), Skeleton.MaxBytes, MaxDepth);
            return parser.ParseFrom(stream);
        }
        catch (InvalidProtocolBufferException error)
        {
            bool isText = error.Message.Contains("UTF-8", StringComparison.Ordinal);
            throw new WeightFileException(
                isText ? Fault.Unsupported : Fault.Corrupt,
                isText ? "has a name in it that is not UTF-8, as ONNX wants names to be; export the model again" : "is no sound ONNX file: some part of it cannot be decoded; the file is damaged, get a fresh copy",
                inner: error);
        }
    }
}
