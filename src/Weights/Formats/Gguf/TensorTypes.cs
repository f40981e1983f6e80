using System.Collections.Frozen;

namespace Weights.Formats.Gguf;

/// <summary>ggml's numbers of the element types that files hold.</summary>
internal static class TensorTypes
{
    private static readonly FrozenDictionary<int, DType> s_byNumber = new Dictionary<int, DType>
    {
        [0] = DType.F32,
        [1] = DType.F16,
        [2] = DType.Q4_0,
        [3] = DType.Q4_1,
        [6] = DType.Q5_0,
        [7] = DType.Q5_1,
        [8] = DType.Q8_0,
        [9] = DType.Q8_1,
        [10] = DType.Q2_K,
        [11] = DType.Q3_K,
        [12] = DType.Q4_K,
        [13] = DType.Q5_K,
        [14] = DType.Q6_K,
        [15] = DType.Q8_K,
        [16] = DType.IQ2_XXS,
        [17] = DType.IQ2_XS,
        [18] = DType.IQ3_XXS,
        [19] = DType.IQ1_S,
        [20] = DType.IQ4_NL,
        [21] = DType.IQ3_S,
        [22] = DType.IQ2_S,
        [23] = DType.IQ4_XS,
        [24] = DType.I8,
        [25] = DType.I16,
        [26] = DType.I32,
        [27] = DType.I64,
        [28] = DType.F64,
        [29] = DType.IQ1_M,
        [30] = DType.BF16,
        [34] = DType.TQ1_0,
        [35] = DType.TQ2_0,
        [39] = DType.MXFP4,
        [40] = DType.NVFP4,
        [41] = DType.Q1_0,
        [42] = DType.Q2_0,
    }.ToFrozenDictionary();

    // What the format once had; the repacked ones are now made when a model is loaded.
    private static readonly FrozenDictionary<int, string> s_removed = new Dictionary<int, string>
    {
        [4] = "Q4_2",
        [5] = "Q4_3",
        [31] = "Q4_0_4_4",
        [32] = "Q4_0_4_8",
        [33] = "Q4_0_8_8",
        [36] = "IQ4_NL_4_4",
        [37] = "IQ4_NL_4_8",
        [38] = "IQ4_NL_8_8",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<DType, int> s_numbers = s_byNumber.ToFrozenDictionary(static pair => pair.Value, static pair => pair.Key);

    /// <summary>Types that a file can hold, by name.</summary>
    public static IReadOnlyList<DType> Stored { get; } = [.. DType.All.Where(s_numbers.ContainsKey)];

    /// <summary>ggml's number of the type.</summary>
    public static int Number(DType dtype) => s_numbers[dtype];

    /// <summary>The type of that number.</summary>
    /// <exception cref="WeightFileException">There is none, or not any more.</exception>
    public static DType Of(int number, string tensor, long offset)
    {
        if (s_byNumber.TryGetValue(number, out DType? dtype))
        {
            return dtype;
        }
        throw s_removed.TryGetValue(number, out string? removed)
            ? new WeightFileException(Fault.Unsupported, $"has ggml's type {removed}, which GGUF no longer has; quantise the original model again", tensor: tensor, offset: offset)
            : new WeightFileException(Fault.Unsupported, $"has type {number} of ggml, which is unknown here; if the file is sound it is newer than this tool", tensor: tensor, offset: offset);
    }
}
