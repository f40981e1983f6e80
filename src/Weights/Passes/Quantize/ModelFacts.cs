namespace Weights.Passes.Quantize;

/// <summary>What the rules of mixtures ask about a model, from GGUF's metadata where it has them, else from its tensors.</summary>
/// <param name="Architecture">Name of the architecture, or nothing.</param>
/// <param name="Layers">How many layers it has.</param>
/// <param name="HeadsPerKey">How many heads of attention share one of keys and values.</param>
/// <param name="Experts">How many experts it has.</param>
/// <param name="HasOutput">Whether the last matrix is one of its own, and not the embedding again.</param>
/// <param name="HasLargeGroups">Whether it is the 70B model of 80 layers whose values are an eighth of its queries.</param>
internal sealed record ModelFacts(string Architecture, int Layers, int HeadsPerKey, int Experts, bool HasOutput, bool HasLargeGroups)
{
    public static ModelFacts Of(Checkpoint checkpoint)
    {
        string architecture = (checkpoint.Metadata["general.architecture"] as MetadataValue.Text)?.Value ?? "";
        int layers = Number("block_count") ?? checkpoint.Tensors.Select(static tensor => TensorRoles.Layer(tensor.Name)).DefaultIfEmpty(-1).Max() + 1;
        (int? heads, int? keyHeads) = (Number("attention.head_count"), Number("attention.head_count_kv"));
        int perKey = heads is { } all ? (keyHeads ?? all) is > 0 and var shared ? all / shared : 0 : FromShapes(checkpoint);
        bool hasLargeGroups = architecture == "llama" && layers == 80 && heads != (keyHeads ?? heads);
        return new ModelFacts(
            architecture,
            layers,
            perKey,
            Number("expert_count") ?? 0,
            checkpoint.Tensors.Any(static tensor => TensorRoles.Of(tensor.Name) == TensorRole.Output),
            hasLargeGroups);

        // Of a list, one number for each layer, the first.
        int? Number(string key) => checkpoint.Metadata[$"{architecture}.{key}"] switch
        {
            MetadataValue.Integer { Value: >= 0 and <= int.MaxValue } integer => (int)integer.Value,
            MetadataValue.List { Items: [MetadataValue.Integer { Value: >= 0 and <= int.MaxValue } first, ..] } => (int)first.Value,
            _ => null,
        };
    }

    private static int FromShapes(Checkpoint checkpoint)
    {
        long Rows(TensorRole role) => checkpoint.Tensors.FirstOrDefault(tensor => tensor.Shape.Rank == 2 && TensorRoles.Of(tensor.Name) == role)?.Shape[0] ?? 0;
        long keys = Rows(TensorRole.AttentionKey);
        return keys > 0 ? (int)Math.Min(int.MaxValue, Rows(TensorRole.AttentionQuery) / keys) : 1;
    }
}
