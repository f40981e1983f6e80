namespace Weights.Passes.Quantize;

/// <summary>What a matrix of a transformer does; names of other networks have none of these roles.</summary>
internal enum TensorRole
{
    /// <summary>Anything else.</summary>
    Other,

    /// <summary>From tokens to vectors.</summary>
    TokenEmbedding,

    /// <summary>From vectors to tokens.</summary>
    Output,

    /// <summary>Queries.</summary>
    AttentionQuery,

    /// <summary>Keys.</summary>
    AttentionKey,

    /// <summary>Values, also within one matrix with queries and keys.</summary>
    AttentionValue,

    /// <summary>What follows attention.</summary>
    AttentionOutput,

    /// <summary>Up projection.</summary>
    FeedForwardUp,

    /// <summary>Gate.</summary>
    FeedForwardGate,

    /// <summary>Down projection.</summary>
    FeedForwardDown,
}

/// <summary>Roles by name, as GGUF has them (<c>blk.0.attn_v.weight</c>) and as the Hub's checkpoints have them (<c>model.layers.0.self_attn.v_proj.weight</c>).</summary>
internal static class TensorRoles
{
    // The first part that a name contains decides.
    private static readonly (string Part, TensorRole Role)[] s_parts =
    [
        ("attn_qkv.weight", TensorRole.AttentionValue),
        ("attn_kv_b.weight", TensorRole.AttentionValue),
        ("attn_v.weight", TensorRole.AttentionValue),
        ("attn_k.weight", TensorRole.AttentionKey),
        ("attn_q.weight", TensorRole.AttentionQuery),
        ("attn_output.weight", TensorRole.AttentionOutput),
        ("ffn_up", TensorRole.FeedForwardUp),
        ("ffn_gate", TensorRole.FeedForwardGate),
        ("ffn_down", TensorRole.FeedForwardDown),
        (".qkv_proj.weight", TensorRole.AttentionValue),
        (".query_key_value.weight", TensorRole.AttentionValue),
        (".c_attn.weight", TensorRole.AttentionValue),
        (".v_proj.weight", TensorRole.AttentionValue),
        (".k_proj.weight", TensorRole.AttentionKey),
        (".q_proj.weight", TensorRole.AttentionQuery),
        (".o_proj.weight", TensorRole.AttentionOutput),
        (".up_proj.weight", TensorRole.FeedForwardUp),
        (".gate_proj.weight", TensorRole.FeedForwardGate),
        (".down_proj.weight", TensorRole.FeedForwardDown),
    ];

    // Small, and worth their bits: tables of positions, gates of experts, short convolutions, states.
    private static readonly string[] s_kept =
    [
        "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight",
        "indexer.k_proj.weight", "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight",
        "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight",
        "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_",
        ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    ];

    /// <summary>The role of the tensor of that name.</summary>
    public static TensorRole Of(string name) => name switch
    {
        "output.weight" or "lm_head.weight" => TensorRole.Output,
        "token_embd.weight" or "per_layer_token_embd.weight" or "model.embed_tokens.weight" => TensorRole.TokenEmbedding,
        _ => Array.Find(s_parts, part => name.Contains(part.Part, StringComparison.Ordinal)).Role,
    };

    /// <summary>Whether it is a matrix that is usually quantised; why not, if it is not.</summary>
    public static string? ReasonToKeep(Tensor tensor)
    {
        string name = tensor.Name;
        // Outer dimensions of 1 do not count, as in ggml.
        return tensor.Shape.Dimensions.TrimStart(1L).Length < 2 ? "one dimension"
            : !name.EndsWith("weight", StringComparison.Ordinal) ? "no weight by its name"
            : name is "position_embd.weight" or "token_types.weight" || Array.Exists(s_kept, part => name.Contains(part, StringComparison.Ordinal)) ? "small, and worth its bits"
            : null;
    }

    /// <summary>The number of the layer that a name has (<c>blk.7.</c>, <c>layers.7.</c>), or −1.</summary>
    public static int Layer(string name)
    {
        foreach (string before in (ReadOnlySpan<string>)["blk.", "layers.", "h.", "block."])
        {
            int start = name.StartsWith(before, StringComparison.Ordinal) ? 0 : name.IndexOf("." + before, StringComparison.Ordinal) + 1;
            if (start == 0 && !name.StartsWith(before, StringComparison.Ordinal))
            {
                continue;
            }
            ReadOnlySpan<char> rest = name.AsSpan(start + before.Length);
            int end = rest.IndexOf('.');
            if (end > 0 && int.TryParse(rest[..end], out int layer))
            {
                return layer;
            }
        }
        return -1;
    }
}
