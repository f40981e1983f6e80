using Weights.Formats.Onnx.Elements;
using Weights.Formats.Onnx.Messages;
using Weights.Formats.Onnx.Reading;

namespace Weights.Formats.Onnx.Writing;

/// <summary>
/// A <c>DequantizeLinear</c> node that gives a weight: what it needs, and what it is. Which version of ONNX's operators takes what is told in
/// https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
/// </summary>
internal sealed class LinearNode
{
    private const int IntegerAttribute = 2;

    private readonly QuantizedValue _value;
    private readonly Tensor _numbers;
    private readonly Tensor _scales;

    /// <param name="value">The weight.</param>
    /// <param name="numbers">Its numbers.</param>
    /// <param name="scales">Its scales.</param>
    public LinearNode(QuantizedValue value, Tensor numbers, Tensor scales) => (_value, _numbers, _scales) = (value, numbers, scales);

    /// <summary>Whether such a node takes numbers of that type.</summary>
    public static bool Takes(DType numbers) => FirstOpset(numbers) is not null;

    /// <summary>The element type that the node gives: that of the scales, where they are of one in which can be calculated.</summary>
    public DType DType => HasUsualScales ? _scales.DType : _value.DType;

    /// <summary>The first version of ONNX's operators that has such a node.</summary>
    public int Opset
    {
        get
        {
            int numbers = FirstOpset(_numbers.DType) ?? throw new WeightFileException(Fault.Unsupported, $"is {_numbers.DType}, of which {QuantizedNodes.LinearOperator} makes nothing", tensor: _numbers.Name);
            int scales = _scales.DType == DType.F32 ? 10 : HasUsualScales ? 19 : 24;
            return Math.Max(Math.Max(numbers, scales), _value.BlockSize > 0 ? 21 : HasAxis ? 13 : 10);
        }
    }

    /// <summary>Whether ONNX Runtime has an operator of its own that does the same under any version of ONNX's.</summary>
    public bool IsOfRuntime => _value.BlockSize == 0 && (_scales.DType == DType.F32 || _scales.DType == DType.F16) && ElementType.Of(_numbers.DType).Code is 2 or 3 or 4 or 5 or 6 or 21 or 22;

    private bool HasUsualScales => _scales.DType == DType.F32 || _scales.DType == DType.F16 || _scales.DType == DType.BF16;

    private bool HasAxis => _value.BlockSize > 0 || _scales.Shape.ElementCount != 1 || _scales.Shape.Rank > 1;

    private static int? FirstOpset(DType numbers) => ElementType.Of(numbers).Code switch
    {
        2 or 3 or 6 => 10, // UINT8, INT8, INT32
        17 or 18 or 19 or 20 => 19, // 8-bit floats
        4 or 5 or 21 or 22 => 21, // UINT16, INT16, UINT4, INT4
        23 => 23, // FLOAT4E2M1
        25 or 26 => 25, // UINT2, INT2
        _ => null,
    };

    /// <summary>The node.</summary>
    /// <param name="output">Name of what it gives.</param>
    /// <param name="input">From the name of a tensor to that which it has in the graph.</param>
    public NodeProto Create(string output, Func<string, string> input)
    {
        NodeProto node = new() { OpType = QuantizedNodes.LinearOperator, Name = output, Input = { input(_value.Numbers), input(_value.Scales) }, Output = { output } };
        if (_value.ZeroPoints is { } zeroPoints)
        {
            node.Input.Add(input(zeroPoints));
        }
        if (HasAxis)
        {
            node.Attribute.Add(Integer("axis", _value.Axis));
        }
        if (_value.BlockSize > 0)
        {
            node.Attribute.Add(Integer("block_size", _value.BlockSize));
        }
        if (!HasUsualScales)
        {
            node.Attribute.Add(Integer("output_dtype", ElementType.Of(DType).Code));
        }
        return node;
    }

    /// <summary>An attribute that is an integer.</summary>
    public static AttributeProto Integer(string name, long value) => new() { Name = name, I = value, Type = IntegerAttribute };
}
