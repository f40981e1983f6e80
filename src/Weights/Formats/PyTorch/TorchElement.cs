using System.Collections.Frozen;

namespace Weights.Formats.PyTorch;

/// <summary>What a storage or tensor of torch is made of.</summary>
/// <param name="Name">Torch's name of the dtype, without <c>torch.</c>.</param>
/// <param name="Bytes">Bytes that torch stores for one element.</param>
/// <param name="ModelName">Name of the element type in the model; null for those that are not numbers by themselves (quantised, bare bits).</param>
internal sealed record TorchElement(string Name, int Bytes, string? ModelName)
{
    private static readonly TorchElement[] s_all =
    [
        new("float32", 4, "F32"), new("float64", 8, "F64"), new("float16", 2, "F16"), new("bfloat16", 2, "BF16"),
        new("uint8", 1, "U8"), new("int8", 1, "I8"), new("int16", 2, "I16"), new("int32", 4, "I32"), new("int64", 8, "I64"),
        new("uint16", 2, "U16"), new("uint32", 4, "U32"), new("uint64", 8, "U64"), new("bool", 1, "BOOL"),
        new("complex32", 4, "C32"), new("complex64", 8, "C64"), new("complex128", 16, "C128"),
        new("float8_e4m3fn", 1, "F8_E4M3"), new("float8_e5m2", 1, "F8_E5M2"), new("float8_e4m3fnuz", 1, "F8_E4M3FNUZ"),
        new("float8_e5m2fnuz", 1, "F8_E5M2FNUZ"), new("float8_e8m0fnu", 1, "F8_E8M0"), new("float4_e2m1fn_x2", 1, "F4"),
        new("qint8", 1, null), new("quint8", 1, null), new("qint32", 4, null), new("quint4x2", 1, null), new("quint2x4", 1, null),
        new("bits8", 1, null), new("bits16", 2, null), new("bits1x8", 1, null), new("bits2x4", 1, null), new("bits4x2", 1, null),
        .. Enumerable.Range(1, 7).SelectMany(static bits => new TorchElement[] { new($"uint{bits}", 1, null), new($"int{bits}", 1, null) }),
    ];

    private static readonly FrozenDictionary<string, TorchElement> s_byName = s_all.ToFrozenDictionary(static element => element.Name, StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, TorchElement> s_byAlias = new KeyValuePair<string, string>[]
    {
        new("float", "float32"), new("double", "float64"), new("half", "float16"), new("short", "int16"), new("int", "int32"),
        new("long", "int64"), new("chalf", "complex32"), new("cfloat", "complex64"), new("cdouble", "complex128"),
    }.ToFrozenDictionary(static pair => pair.Key, static pair => s_byName[pair.Value], StringComparer.Ordinal);

    // Storage classes, and the tensor classes of the first versions, by the word before "Storage" or "Tensor".
    private static readonly FrozenDictionary<string, TorchElement> s_byClass = new KeyValuePair<string, string>[]
    {
        new("Float", "float32"), new("Double", "float64"), new("Half", "float16"), new("BFloat16", "bfloat16"),
        new("Long", "int64"), new("Int", "int32"), new("Short", "int16"), new("Char", "int8"), new("Byte", "uint8"), new("Bool", "bool"),
        new("ComplexFloat", "complex64"), new("ComplexDouble", "complex128"),
        new("QInt8", "qint8"), new("QUInt8", "quint8"), new("QInt32", "qint32"), new("QUInt4x2", "quint4x2"), new("QUInt2x4", "quint2x4"),
        new("Untyped", "uint8"), new("_Untyped", "uint8"),
    }.ToFrozenDictionary(static pair => pair.Key, static pair => s_byName[pair.Value], StringComparer.Ordinal);

    /// <summary>Element type in the model, or null.</summary>
    public DType? Model => field ??= ModelName is not null && DType.TryParse(ModelName, out DType dtype) ? dtype : null;

    /// <summary>Every element type that tensors are made of.</summary>
    public static IEnumerable<DType> Models => s_all.Select(static element => element.Model).OfType<DType>();

    /// <summary>The element type of a name such as <c>torch.float32</c>, or null.</summary>
    public static TorchElement? OfDType(string fullName)
    {
        const string module = "torch.";
        if (!fullName.StartsWith(module, StringComparison.Ordinal))
        {
            return null;
        }
        string name = fullName[module.Length..];
        return s_byName.GetValueOrDefault(name) ?? s_byAlias.GetValueOrDefault(name);
    }

    /// <summary>The element type of a storage class such as <c>torch.cuda.FloatStorage</c>, or null.</summary>
    public static TorchElement? OfStorageClass(string fullName)
    {
        // Devices have modules of their own (torch.cuda, torch.xpu, torch_npu.npu); the elements are the same.
        const string suffix = "Storage";
        string name = fullName[(fullName.LastIndexOf('.') + 1)..];
        return fullName.StartsWith("torch", StringComparison.Ordinal) && name.EndsWith(suffix, StringComparison.Ordinal)
            ? s_byClass.GetValueOrDefault(name[..^suffix.Length])
            : null;
    }
}
