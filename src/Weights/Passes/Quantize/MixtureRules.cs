namespace Weights.Passes.Quantize;

/// <summary>
/// Which type a matrix gets in a mixture: values of attention and the down projections of some layers matter more than others. The rules are llama.cpp's
/// (<c>llama_tensor_get_type</c>), so that the same model quantised there has the same types; they were found by trying.
/// </summary>
/// <remarks>Matrices are asked for in the order of layers, and by name within one: a rule may be about how many of a role came before.</remarks>
internal sealed class MixtureRules(QuantizationScheme scheme, ModelFacts model, int values, bool hasImportances)
{
    private readonly string _scheme = scheme.Name;
    private int _values;
    private int _downs;
    private int _gates;
    private int _ups;

    private bool IsFalcon => model.Architecture == "falcon";

    private bool HasEightExperts => model.Experts == 8;

    private bool IsAmong(params ReadOnlySpan<string> schemes) => schemes.Contains(_scheme);

    /// <summary>The type for the next matrix, before anybody has looked whether its rows are whole blocks.</summary>
    public DType Choose(Tensor tensor)
    {
        DType usual = scheme.DType;
        TensorRole role = TensorRoles.Of(tensor.Name);
        if (role == TensorRole.Output || (!model.HasOutput && role == TensorRole.TokenEmbedding))
        {
            return Output(tensor, usual);
        }
        if (_scheme == "mxfp4_moe")
        {
            return tensor.Shape.Rank > 2 && tensor.Shape[tensor.Shape.Rank - 3] > 1 ? DType.MXFP4 : DType.Q8_0;
        }
        if (role == TensorRole.TokenEmbedding)
        {
            return IsAmong("iq2_xxs", "iq2_xs", "iq1_s", "iq1_m") ? DType.Q2_K
                : IsAmong("iq2_s", "iq2_m", "iq3_xxs") ? DType.IQ3_S
                : IsAmong("tq1_0", "tq2_0", "q2_0") ? DType.Q4_K : usual;
        }
        if (IsAmong("iq2_xxs", "iq2_xs", "iq1_s", "iq2_s", "iq2_m", "iq1_m"))
        {
            return OfFewBits(role, usual);
        }
        return role switch
        {
            TensorRole.AttentionValue => Value(usual),
            TensorRole.AttentionKey => HasEightExperts ? DType.Q8_0 : KeyOrQuery(usual),
            TensorRole.AttentionQuery => KeyOrQuery(usual),
            TensorRole.AttentionOutput => AttentionOutput(usual),
            TensorRole.FeedForwardDown => Down(Layer(_downs++, tensor), usual),
            TensorRole.FeedForwardGate => Middle(Layer(_gates++, tensor), usual),
            TensorRole.FeedForwardUp => Middle(Layer(_ups++, tensor), usual),
            _ => usual,
        };
    }

    /// <summary>The type for rows that are no whole blocks of that one: the nearest of 32 to a block, or 16 bits.</summary>
    public static DType Fallback(DType dtype, long rowLength)
    {
        DType smaller =
            dtype == DType.IQ1_S || dtype == DType.IQ1_M || dtype == DType.IQ2_XXS || dtype == DType.IQ2_XS || dtype == DType.IQ2_S || dtype == DType.IQ3_XXS || dtype == DType.IQ3_S || dtype == DType.IQ4_XS ? DType.IQ4_NL
            : dtype == DType.Q2_0 || dtype == DType.Q2_K || dtype == DType.Q3_K || dtype == DType.TQ1_0 || dtype == DType.TQ2_0 ? DType.Q4_0
            : dtype == DType.Q4_K ? DType.Q5_0
            : dtype == DType.Q5_K ? DType.Q5_1
            : dtype == DType.Q6_K ? DType.Q8_0
            : DType.F16;
        return rowLength % smaller.BlockLength == 0 ? smaller : DType.F16;
    }

    private DType Output(Tensor tensor, DType usual) =>
        _scheme == "mxfp4_moe" || IsFalcon || tensor.Shape[tensor.Shape.Rank - 1] % usual.BlockLength != 0 ? DType.Q8_0
        : IsAmong("iq2_xxs", "iq2_xs", "iq3_xxs", "iq1_s", "iq2_s", "iq2_m", "iq1_m") ? DType.Q5_K
        : usual == DType.Q8_0 ? usual : DType.Q6_K;

    private DType OfFewBits(TensorRole role, DType usual)
    {
        DType more = IsAmong("iq2_s", "iq2_m") ? DType.IQ3_S : DType.Q2_K;
        switch (role)
        {
            case TensorRole.AttentionValue:
                _values++;
                return model.HeadsPerKey >= 4 || model.Experts >= 4 ? DType.Q4_K : more;
            case TensorRole.AttentionKey when HasEightExperts:
                return DType.Q4_K;
            case TensorRole.FeedForwardDown:
                return _downs++ < model.Layers / 8 ? more : usual;
            case TensorRole.AttentionOutput:
                return HasEightExperts ? DType.Q5_K : IsAmong("iq1_s", "iq1_m") ? DType.IQ2_XXS : IsAmong("iq2_s", "iq2_m") ? DType.IQ3_S : usual;
            default:
                return usual;
        }
    }

    private DType Value(DType usual)
    {
        int index = _values++;
        bool isShared = model.HeadsPerKey >= 4;
        DType chosen = _scheme switch
        {
            "q2_k" => isShared ? DType.Q4_K : DType.Q3_K,
            "q2_k_s" or "iq3_xs" or "iq3_s" when isShared => DType.Q4_K,
            "iq3_xxs" => isShared ? DType.Q4_K : hasImportances ? DType.IQ3_XXS : DType.IQ3_S,
            "iq3_m" => DType.Q4_K,
            "q3_k_m" => index < 2 ? DType.Q5_K : DType.Q4_K,
            "q3_k_l" => DType.Q5_K,
            "iq4_nl" or "iq4_xs" when isShared => DType.Q5_K,
            "q4_k_m" or "q5_k_m" when DeservesMore(index, values) => DType.Q6_K,
            "q4_k_s" when index < 4 => DType.Q5_K,
            _ => usual,
        };
        if (model.HasLargeGroups && (chosen == DType.Q3_K || chosen == DType.Q4_K))
        {
            chosen = DType.Q5_K;
        }
        return HasEightExperts ? DType.Q8_0 : chosen;
    }

    private DType KeyOrQuery(DType usual) => _scheme switch
    {
        "iq3_xs" => DType.IQ3_XXS,
        "iq3_xxs" => DType.IQ2_S,
        _ => usual,
    };

    private DType AttentionOutput(DType usual)
    {
        if (IsFalcon)
        {
            return _scheme == "q3_k_l" ? DType.Q4_K : usual;
        }
        if (HasEightExperts)
        {
            return IsAmong("q2_k", "iq3_xs", "iq3_xxs", "q3_k_s", "q3_k_m", "iq4_nl", "q4_k_s", "q4_k_m", "iq3_s", "iq3_m", "iq4_xs") ? DType.Q5_K : usual;
        }
        return _scheme switch
        {
            "q2_k" => DType.Q3_K,
            "iq3_xxs" => DType.IQ3_S,
            "q3_k_m" or "iq3_m" => DType.Q4_K,
            "q3_k_l" => DType.Q5_K,
            _ => usual,
        };
    }

    private DType Down(int layer, DType usual)
    {
        int layers = model.Layers;
        bool isEarly = layer < layers / 8;
        return _scheme switch
        {
            "q2_k" => DType.Q3_K,
            "q2_k_s" => isEarly ? DType.Q4_K : usual,
            "iq3_xxs" when !hasImportances => isEarly ? DType.Q4_K : DType.Q3_K,
            "q3_k_m" => layer < layers / 16 ? DType.Q5_K : !IsFalcon || DeservesMore(layer, layers) ? DType.Q4_K : DType.Q3_K,
            "iq3_m" when isEarly || (HasEightExperts && DeservesMore(layer, layers)) => DType.Q4_K,
            "q3_k_l" => IsFalcon ? DType.Q4_K : DType.Q5_K,
            "q4_k_m" when IsFalcon => layer < layers / 16 ? DType.Q6_K : DeservesMore(layer, layers) ? DType.Q5_K : DType.Q4_K,
            "q4_k_m" or "q5_k_m" when DeservesMore(layer, layers) => DType.Q6_K,
            "iq4_nl" or "iq4_xs" when isEarly && !hasImportances => DType.Q5_K,
            "q4_k_s" when isEarly && !IsFalcon => DType.Q5_K,
            "q4_0" when isEarly && hasImportances => DType.Q4_1,
            "q5_0" when isEarly && hasImportances => DType.Q5_1,
            _ => usual,
        };
    }

    private DType Middle(int layer, DType usual) => _scheme == "iq3_xs" && layer >= model.Layers / 8 && layer < 7 * model.Layers / 8 ? DType.IQ3_XXS : usual;

    // Experts do not come in the order of layers, so that counting says nothing.
    private int Layer(int counted, Tensor tensor) => model.Experts > 1 && TensorRoles.Layer(tensor.Name) is >= 0 and var named ? named : counted;

    // The first eighth, the last, and every third between them.
    private static bool DeservesMore(int layer, int layers) => layer < layers / 8 || layer >= 7 * layers / 8 || (layer - (layers / 8)) % 3 == 2;
}
