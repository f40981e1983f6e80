using Weights.Formats.Onnx.Messages;

namespace Weights.Formats.Onnx;

/// <summary>What nodes say about themselves.</summary>
internal static class NodeExtensions
{
    /// <summary>The domain of ONNX Runtime's own operators.</summary>
    public const string RuntimeDomain = "com.microsoft";

    /// <summary>Whether it is one of ONNX's own operators.</summary>
    public static bool IsStandard(this NodeProto node) => node.Domain is "" or "ai.onnx";

    /// <summary>The name of an input; null where there is none.</summary>
    public static string? InputAt(this NodeProto node, int index) => index < node.Input.Count && node.Input[index].Length > 0 ? node.Input[index] : null;

    /// <summary>An integer that it is given; null where it is not.</summary>
    public static long? Integer(this NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.I;

    /// <summary>A number that it is given; <paramref name="otherwise"/> where it is not.</summary>
    public static float Number(this NodeProto node, string name, float otherwise) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.F ?? otherwise;
}
