using Weights.Formats.Onnx.Wire;

namespace Weights.Formats.Onnx.Elements;

/// <summary>Numbers of a field, one after the other: packed, or each behind its tag.</summary>
/// <param name="Values">Where they are.</param>
/// <param name="TagBytes">Bytes of the tag before each; none where they are packed.</param>
internal readonly record struct NumberRun(ByteSource Values, int TagBytes)
{
    /// <summary>The numbers of a payload.</summary>
    public static NumberRun Of(Payload payload) =>
        new(payload.Values, payload.Type == WireType.Delimited ? 0 : WireCursor.VarintBytes(WireCursor.Tag(payload.Field, payload.Type)));
}
