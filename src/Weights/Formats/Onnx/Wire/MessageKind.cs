namespace Weights.Formats.Onnx.Wire;

/// <summary>The messages through which the way to a tensor goes.</summary>
internal enum MessageKind
{
    /// <summary>Any that holds no tensors.</summary>
    Other,
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ExternalData,
    SparseTensor,
    Function,
    TrainingInfo,
    Sequence,
}

/// <summary>Which field of which message holds what, as far as tensors are concerned.</summary>
internal static class MessageKinds
{
    /// <summary>What a field of delimited bytes is.</summary>
    public static MessageKind Child(this MessageKind kind, int field) => (kind, field) switch
    {
        (MessageKind.Model, 7) => MessageKind.Graph,
        (MessageKind.Model, 20) => MessageKind.TrainingInfo,
        (MessageKind.Model, 25) => MessageKind.Function,
        (MessageKind.Graph, 1) => MessageKind.Node,
        (MessageKind.Graph, 5) => MessageKind.Tensor,
        (MessageKind.Graph, 15) => MessageKind.SparseTensor,
        (MessageKind.Node, 5) => MessageKind.Attribute,
        (MessageKind.Attribute, 5 or 10) => MessageKind.Tensor,
        (MessageKind.Attribute, 6 or 11) => MessageKind.Graph,
        (MessageKind.Attribute, 22 or 23) => MessageKind.SparseTensor,
        (MessageKind.Tensor, 13) => MessageKind.ExternalData,
        (MessageKind.SparseTensor, 1 or 2) => MessageKind.Tensor,
        (MessageKind.Function, 7) => MessageKind.Node,
        (MessageKind.Function, 11) => MessageKind.Attribute,
        (MessageKind.TrainingInfo, 1 or 2) => MessageKind.Graph,
        (MessageKind.Sequence, 3) => MessageKind.Tensor,
        (MessageKind.Sequence, 4) => MessageKind.SparseTensor,
        (MessageKind.Sequence, 5 or 7) => MessageKind.Sequence,
        _ => MessageKind.Other,
    };

    /// <summary>Whether a field of a tensor holds elements: floats, int32s, strings, int64s, raw bytes, doubles, uint64s.</summary>
    public static bool HoldsElements(int field) => field is 4 or 5 or 6 or 7 or Payload.RawField or 10 or 11;
}
