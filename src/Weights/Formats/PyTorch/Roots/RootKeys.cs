namespace Weights.Formats.PyTorch.Roots;

/// <summary>What keys of checkpoints usually hold.</summary>
internal static class RootKeys
{
    /// <summary>
    /// Weights averaged over training, the best first: what a project that keeps them evaluates and publishes.
    /// </summary>
    public static IReadOnlyList<string> Averaged { get; } =
    [
        "ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "ema_model_state_dict", "model_ema_state_dict", "model_state_dict_ema",
        "params_ema", "ema_params", "net_ema", "ema_net", "ema_weights", "averaged_model",
    ];

    /// <summary>Weights as they were trained, the likeliest first.</summary>
    public static IReadOnlyList<string> Trained { get; } =
    [
        "state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params", "parameters",
    ];

    private static readonly string[] s_trainingParts =
        ["optim", "sched", "scaler", "random_state", "rng_state", "early_stop", "callbacks", "dataloader", "sampler"];

    private static readonly string[] s_trainingWords = ["rng", "opt", "adam", "sgd", "amp", "loops", "lr"];

    private static readonly string[] s_otherModels = ["discriminator", "critic", "teacher", "loss"];

    /// <summary>Whether a key names what only training needs: an optimizer, a schedule, a gradient scaler, random states.</summary>
    public static bool IsTrainingState(string key)
    {
        string lower = key.ToLowerInvariant();
        return s_trainingParts.Any(part => lower.Contains(part, StringComparison.Ordinal))
            || lower.Split('_', '-', '.', ' ').Any(static word => s_trainingWords.Contains(word));
    }

    /// <summary>Whether a key calls its value a state dict, and not one of an optimizer or of a model that only helped to train.</summary>
    public static bool IsStateDict(string key)
    {
        string lower = key.ToLowerInvariant();
        return lower.Contains("state_dict", StringComparison.Ordinal) && !IsTrainingState(key) && !s_otherModels.Any(part => lower.Contains(part, StringComparison.Ordinal));
    }
}
