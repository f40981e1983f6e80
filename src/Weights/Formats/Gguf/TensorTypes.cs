using System.Collections.Frozen;

namespace Weights.Formats.Gguf;

/// <summary>ggml's numbers of the element types that files hold.</summary>
internal static class TensorTypes
{
    private static readonly FrozenDictionary<int, DType> s_byNumber = new Dictionary<int, string>
    {
        [0] = "F32",
        [1] = "F16",
        [2] = "Q4_0",
        [3] = "Q4_1",
        [6] = "Q5_0",
        [7] = "Q5_1",
        [8] = "Q8_0",
        [9] = "Q8_1",
        [10] = "Q2_K",
        [11] = "Q3_K",
        [12] = "Q4_K",
        [13] = "Q5_K",
        [14] = "Q6_K",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [30] = "BF16",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
        [40] = "NVFP4",
        [41] = "Q1_0",
        [42] = "Q2_0",
    }.Where(static pair => DType.TryParse(pair.Value, out _)).ToFrozenDictionary(static pair => pair.Key, static pair => DType.TryParse(pair.Value, out DType dtype) ? dtype : null!);

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
