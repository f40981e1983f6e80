namespace Weights.Formats.Onnx.Elements;

/// <summary>An element type of ONNX (<c>TensorProto.DataType</c>).</summary>
/// <param name="Code">Its number in files.</param>
/// <param name="Name">Its name in the specification.</param>
/// <param name="DType">What it is here; null where tensors of it hold no numbers.</param>
/// <param name="Field">The field that holds its elements where they are not raw bytes.</param>
internal sealed record ElementType(int Code, string Name, DType? DType, int Field)
{
    private const int Floats = 4;
    private const int Int32s = 5;
    private const int Strings = 6;
    private const int Int64s = 7;
    private const int Doubles = 10;
    private const int UInt64s = 11;

    private static readonly ElementType[] s_all =
    [
        new(1, "FLOAT", DType.F32, Floats),
        new(2, "UINT8", DType.U8, Int32s),
        new(3, "INT8", DType.I8, Int32s),
        new(4, "UINT16", DType.U16, Int32s),
        new(5, "INT16", DType.I16, Int32s),
        new(6, "INT32", DType.I32, Int32s),
        new(7, "INT64", DType.I64, Int64s),
        new(8, "STRING", null, Strings),
        new(9, "BOOL", DType.Bool, Int32s),
        new(10, "FLOAT16", DType.F16, Int32s),
        new(11, "DOUBLE", DType.F64, Doubles),
        new(12, "UINT32", DType.U32, UInt64s),
        new(13, "UINT64", DType.U64, UInt64s),
        new(14, "COMPLEX64", DType.C64, Floats),
        new(15, "COMPLEX128", DType.C128, Doubles),
        new(16, "BFLOAT16", DType.BF16, Int32s),
        new(17, "FLOAT8E4M3FN", DType.F8E4M3, Int32s),
        new(18, "FLOAT8E4M3FNUZ", DType.F8E4M3FNUZ, Int32s),
        new(19, "FLOAT8E5M2", DType.F8E5M2, Int32s),
        new(20, "FLOAT8E5M2FNUZ", DType.F8E5M2FNUZ, Int32s),
        new(21, "UINT4", DType.U4, Int32s),
        new(22, "INT4", DType.I4, Int32s),
        new(23, "FLOAT4E2M1", DType.F4, Int32s),
        new(24, "FLOAT8E8M0", DType.F8E8M0, Int32s),
        new(25, "UINT2", DType.U2, Int32s),
        new(26, "INT2", DType.I2, Int32s),
    ];

    /// <summary>Since which version of its operators <c>Cast</c> takes it.</summary>
    public int CastOpset => Code switch
    {
        <= 15 => 6,
        16 => 13,
        <= 20 => 19,
        <= 22 => 21,
        23 => 23,
        24 => 24,
        _ => 25,
    };

    /// <summary>Since which version of the intermediate representation there is such a type.</summary>
    public long IrVersion => Code switch
    {
        <= 16 => 4,
        <= 20 => 9,
        <= 22 => 10,
        23 => 11,
        24 => 12,
        _ => 13,
    };

    /// <summary>Every element type that tensors here can have, by name.</summary>
    public static IReadOnlyList<DType> Stored { get; } = [.. s_all.Select(static type => type.DType).OfType<DType>().OrderBy(static dtype => dtype.Name, StringComparer.Ordinal)];

    /// <summary>The type of that number; null when there is none.</summary>
    public static ElementType? Find(int code) => code >= 1 && code <= s_all.Length ? s_all[code - 1] : null;

    /// <summary>The type of those elements, which is one of <see cref="Stored"/>.</summary>
    public static ElementType Of(DType dtype) => Array.Find(s_all, type => type.DType == dtype)!;

    /// <summary>Its name, or what stands for one in messages.</summary>
    public static string NameOf(int code) => Find(code)?.Name ?? (code == 0 ? "UNDEFINED" : $"number {code}");
}
