using Weights.DTypes.Quantized;

namespace Weights.Passes.Quantize;

/// <summary>
/// What matrices become: one element type, or one of llama.cpp's mixtures, which give some kinds of tensors more bits than others.
/// Names and numbers are those of llama.cpp's <c>llama_ftype</c>, in lower case; see https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h.
/// </summary>
public sealed class QuantizationScheme
{
    private QuantizationScheme(string name, DType dtype, int? fileType, bool isMixture)
    {
        (Name, DType, FileType, IsMixture) = (name, dtype, fileType, isMixture);
    }

    /// <summary>Every scheme: the mixtures first, then the element types.</summary>
    public static IReadOnlyList<QuantizationScheme> All { get; } = [.. Mixtures(), .. Types()];

    /// <summary>Name, in lower case.</summary>
    public string Name { get; }

    /// <summary>The type that most matrices get.</summary>
    public DType DType { get; }

    /// <summary>What llama.cpp calls the result in <c>general.file_type</c>; null where it has no number for it.</summary>
    public int? FileType { get; }

    /// <summary>Whether tensors of some kinds get another type.</summary>
    public bool IsMixture { get; }

    /// <summary>The scheme of that name, in any case.</summary>
    public static bool TryParse(string name, out QuantizationScheme scheme)
    {
        ArgumentNullException.ThrowIfNull(name);
        string wanted = name.ToLowerInvariant() switch
        {
            "q3_k" => "q3_k_m",
            "q4_k" => "q4_k_m",
            "q5_k" => "q5_k_m",
            var other => other,
        };
        scheme = All.FirstOrDefault(known => known.Name == wanted)!;
        return scheme is not null;
    }

    /// <summary>The same type for every matrix.</summary>
    public QuantizationScheme Pure() => new(Name, DType, FileType, isMixture: false);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static IEnumerable<QuantizationScheme> Mixtures() =>
    [
        new("q4_0", DType.Q4_0, 2, true),
        new("q4_1", DType.Q4_1, 3, true),
        new("q8_0", DType.Q8_0, 7, true),
        new("q5_0", DType.Q5_0, 8, true),
        new("q5_1", DType.Q5_1, 9, true),
        new("q2_k", DType.Q2_K, 10, true),
        new("q3_k_s", DType.Q3_K, 11, true),
        new("q3_k_m", DType.Q3_K, 12, true),
        new("q3_k_l", DType.Q3_K, 13, true),
        new("q4_k_s", DType.Q4_K, 14, true),
        new("q4_k_m", DType.Q4_K, 15, true),
        new("q5_k_s", DType.Q5_K, 16, true),
        new("q5_k_m", DType.Q5_K, 17, true),
        new("q6_k", DType.Q6_K, 18, true),
        new("iq2_xxs", DType.IQ2_XXS, 19, true),
        new("iq2_xs", DType.IQ2_XS, 20, true),
        new("q2_k_s", DType.Q2_K, 21, true),
        new("iq3_xs", DType.IQ3_S, 22, true),
        new("iq3_xxs", DType.IQ3_XXS, 23, true),
        new("iq1_s", DType.IQ1_S, 24, true),
        new("iq4_nl", DType.IQ4_NL, 25, true),
        new("iq3_s", DType.IQ3_S, 26, true),
        new("iq3_m", DType.IQ3_S, 27, true),
        new("iq2_s", DType.IQ2_XS, 28, true),
        new("iq2_m", DType.IQ2_S, 29, true),
        new("iq4_xs", DType.IQ4_XS, 30, true),
        new("iq1_m", DType.IQ1_M, 31, true),
        new("tq1_0", DType.TQ1_0, 36, true),
        new("tq2_0", DType.TQ2_0, 37, true),
        new("mxfp4_moe", DType.MXFP4, 38, true),
        new("nvfp4", DType.NVFP4, 39, true),
        new("q1_0", DType.Q1_0, 40, true),
        new("q2_0", DType.Q2_0, 41, true),
    ];

    // F16 and BF16 have numbers, too. Types that only computations have, Q8_1 and Q8_K, are none that a file should have.
    private static IEnumerable<QuantizationScheme> Types() =>
    [
        new("mxfp4", DType.MXFP4, null, false),
        .. DType.All.Where(static dtype => dtype.Kind == DTypeKind.Float).Select(static dtype => new QuantizationScheme(
            dtype.Name.ToLowerInvariant(), dtype, dtype == DType.F32 ? 0 : dtype == DType.F16 ? 1 : dtype == DType.BF16 ? 32 : null, false)),
    ];

    /// <summary>Whether the type cannot be encoded at all without importances.</summary>
    internal static bool NeedsImportances(DType dtype) => dtype is QuantizedDType { Importances: Importances.Required };
}
