using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Wire;

namespace Weights.Formats.Onnx.Writing;

/// <summary>A tensor of a model that is being written.</summary>
/// <param name="Message">Where it is in the model.</param>
/// <param name="Tensor">Its elements.</param>
internal sealed record DraftTensor(TensorProto Message, Tensor Tensor)
{
    /// <summary>Whether its elements stand in the file that was read, and are still the same.</summary>
    public bool IsInPlace { get; init; }

    /// <summary>Whether the file that was read has them in another file.</summary>
    public bool WasExternal { get; init; }

    /// <summary>Whether the file that was read has them in another file without a checksum.</summary>
    public bool WasUnchecked { get; init; }

    /// <summary>Whether it is an initializer of the main graph.</summary>
    public bool IsInitializer { get; init; } = true;
}

/// <summary>A model that is being written: all but where the elements go.</summary>
/// <param name="Message">The model.</param>
/// <param name="Payloads">What the numbers in it stand for.</param>
/// <param name="Tensors">The tensors whose elements are still to be placed.</param>
internal sealed record ModelDraft(ModelProto Message, IReadOnlyList<Payload> Payloads, IReadOnlyList<DraftTensor> Tensors);
