using Weights.Passes;
using Weights.Passes.Quantize;

namespace Weights.Tests.Passes.Quantize;

public class QuantizationPlanTests
{
    public static TheoryData<string, int, int, int, int> Models => new()
    {
        { "llama", 2, 32, 32, 0 },
        { "llama", 16, 32, 8, 0 },
        { "llama", 33, 32, 16, 0 },
        { "llama", 80, 64, 8, 0 },
        { "llama", 32, 32, 8, 8 },
        { "qwen2moe", 24, 16, 16, 60 },
        { "falcon", 32, 71, 1, 0 },
        { "gpt2", 12, 12, 12, 0 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_mixture_gives_every_tensor_the_type_that_llama_cpp_gives_it(string architecture, int layers, int heads, int keyHeads, int experts)
    {
        (string Name, long[] Shape)[] tensors = [.. Tensors(architecture, layers, heads, keyHeads, experts)];
        using Checkpoint checkpoint = new(tensors.Select(static tensor => new Tensor(tensor.Name, DType.F32, new Shape(tensor.Shape), new NoBytes(4 * tensor.Shape.Aggregate(1L, static (product, size) => product * size)))), new Origin("memory", "none", "", 0))
        {
            Metadata = new MetadataValue.Map(
            [
                new("general.architecture", new MetadataValue.Text(architecture)),
                new($"{architecture}.block_count", new MetadataValue.Integer(layers)),
                new($"{architecture}.attention.head_count", new MetadataValue.Integer(heads)),
                new($"{architecture}.attention.head_count_kv", new MetadataValue.Integer(keyHeads)),
                new($"{architecture}.expert_count", new MetadataValue.Integer(experts)),
            ]),
        };
        // As llama.cpp goes through them: by layer, then by name.
        (string Name, long[] Shape)[] inOrder = [.. tensors.OrderBy(static tensor => tensor.Name.StartsWith("blk.", StringComparison.Ordinal) ? int.Parse(tensor.Name.Split('.')[1]) : -1).ThenBy(static tensor => tensor.Name, StringComparer.Ordinal)];
        QuantizationScheme[] mixtures = [.. QuantizationScheme.All.Where(static scheme => scheme.IsMixture)];
        Assert.True(mixtures.Count(static scheme => Llama.Knows(scheme.FileType!.Value)) > 30);
        foreach (QuantizationScheme scheme in mixtures)
        {
            if (!Llama.Knows(scheme.FileType!.Value) || (architecture == "falcon" && scheme.Name == "q1_0"))
            {
                continue; // For the latter llama.cpp gives up: it has no other type for rows that are no whole blocks of 128.
            }
            string?[] expected = Llama.Types(new Llama.Model(architecture, layers, heads, keyHeads, experts), scheme.FileType!.Value, inOrder);
            Dictionary<string, PlannedTensor> planned = QuantizationPlan.Of(checkpoint, new QuantizationOptions { Scheme = scheme }).ToDictionary(static plan => plan.Tensor.Name, StringComparer.Ordinal);
            for (int index = 0; index < inOrder.Length; index++)
            {
                PlannedTensor plan = planned[inOrder[index].Name];
                Assert.True((expected[index] ?? "F32") == plan.DType.Name, $"{scheme}: {inOrder[index].Name} {plan.DType} instead of {expected[index]}");
            }
        }
    }

    private static IEnumerable<(string, long[])> Tensors(string architecture, int layers, int heads, int keyHeads, int experts)
    {
        // 4544 columns, as Falcon has, are whole blocks of 64 but not of 256.
        long width = architecture == "falcon" ? 4544 : 1024;
        long keys = width / heads * keyHeads;
        yield return ("output_norm.weight", [width]);
        yield return ("token_embd.weight", [1000, width]);
        if (architecture != "gpt2")
        {
            yield return ("output.weight", [1000, width]);
        }
        else
        {
            yield return ("position_embd.weight", [1024, width]);
        }
        for (int layer = 0; layer < layers; layer++)
        {
            string prefix = $"blk.{layer}.";
            yield return (prefix + "attn_norm.weight", [width]);
            yield return (prefix + "attn_output.weight", [width, width]);
            if (architecture is "falcon" or "gpt2")
            {
                yield return (prefix + "attn_qkv.weight", [width + (2 * keys), width]);
                yield return (prefix + "attn_qkv.bias", [width + (2 * keys)]);
            }
            else
            {
                yield return (prefix + "attn_q.weight", [width, width]);
                yield return (prefix + "attn_k.weight", [keys, width]);
                yield return (prefix + "attn_v.weight", [keys, width]);
            }
            if (experts > 0)
            {
                yield return (prefix + "ffn_gate_inp.weight", [experts, width]);
                yield return (prefix + "ffn_gate_exps.weight", [experts, 512, width]);
                yield return (prefix + "ffn_up_exps.weight", [experts, 512, width]);
                yield return (prefix + "ffn_down_exps.weight", [experts, width, 512]);
            }
            else
            {
                yield return (prefix + "ffn_up.weight", [2 * width, width]);
                yield return (prefix + "ffn_gate.weight", [2 * width, width]);
                yield return (prefix + "ffn_down.weight", [width, 2 * width]);
            }
            yield return (prefix + "ssm_conv1d.weight", [width, 4]);
        }
    }

    [Theory]
    [InlineData("iq2_xs", "IQ2_XS")]
    [InlineData("iq1_m", "IQ1_M")]
    [InlineData("iq3_xxs", "IQ3_XXS")]
    [InlineData("q2_k_s", "Q2_K")]
    public void Types_of_very_few_bits_need_importances(string schemeName, string type)
    {
        using Checkpoint checkpoint = Small(static layer => [($"blk.{layer}.x.weight", [8, 256])]);
        Assert.True(QuantizationScheme.TryParse(schemeName, out QuantizationScheme scheme));
        WeightFileException error = Assert.Throws<WeightFileException>(() => checkpoint.Quantize(new QuantizationOptions { Scheme = scheme }, []));
        Assert.Equal((Fault.Unsupported, "blk.0.x.weight"), (error.Fault, error.Tensor));
        Assert.Contains($"cannot become {type} without importances", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_Hubs_names_have_the_same_roles()
    {
        using Checkpoint hub = Small(static layer => [($"model.layers.{layer}.self_attn.v_proj.weight", [256, 512]), ($"model.layers.{layer}.mlp.down_proj.weight", [512, 1024]), ($"model.layers.{layer}.self_attn.q_proj.weight", [1024, 512]), ($"model.layers.{layer}.self_attn.k_proj.weight", [256, 512])], ("model.embed_tokens.weight", [100, 512]), ("lm_head.weight", [100, 512]));
        using Checkpoint gguf = Small(static layer => [($"blk.{layer}.attn_v.weight", [256, 512]), ($"blk.{layer}.ffn_down.weight", [512, 1024]), ($"blk.{layer}.attn_q.weight", [1024, 512]), ($"blk.{layer}.attn_k.weight", [256, 512])], ("token_embd.weight", [100, 512]), ("output.weight", [100, 512]));
        foreach (string name in (string[])["q4_k_m", "q2_k", "iq4_xs", "q3_k_l", "iq3_m"])
        {
            Assert.True(QuantizationScheme.TryParse(name, out QuantizationScheme scheme));
            QuantizationOptions options = new() { Scheme = scheme };
            Assert.Equal(QuantizationPlan.Of(gguf, options).Select(static plan => plan.DType), QuantizationPlan.Of(hub, options).Select(static plan => plan.DType));
        }
    }

    [Fact]
    public void Patterns_decide_before_the_scheme()
    {
        using Checkpoint checkpoint = Small(static layer => [($"blk.{layer}.attn_v.weight", [256, 512])], ("token_embd.weight", [100, 512]), ("table", [4, 512]), ("bias", [512]));
        Assert.True(QuantizationScheme.TryParse("q8_0", out QuantizationScheme scheme));
        IReadOnlyList<PlannedTensor> plan = QuantizationPlan.Of(checkpoint, new QuantizationOptions
        {
            Scheme = scheme,
            Overrides = [TypeOverride.Parse("token_*=q6_k")],
            Exclude = [Glob.Parse("blk.1.*")],
        });
        Assert.Equal(["Q8_0", "F32", "Q6_K", "F32", "F32"], plan.Select(static tensor => tensor.DType.Name).Take(2).Concat(plan.Skip(plan.Count - 3).Select(static tensor => tensor.DType.Name)));
        Assert.Equal("excluded by 'blk.1.*'", plan[1].Reason);
        Assert.Equal("no weight by its name", plan[^2].Reason);
        Assert.Equal("one dimension", plan[^1].Reason);
        IReadOnlyList<PlannedTensor> included = QuantizationPlan.Of(checkpoint, new QuantizationOptions { Scheme = scheme, Include = [Glob.Parse("table"), Glob.Parse("bias")] });
        Assert.Equal(["table", "bias"], included.Where(static tensor => tensor.IsChanged).Select(static tensor => tensor.Tensor.Name));
    }

    [Fact]
    public void Rows_that_are_no_whole_blocks_get_the_nearest_type_and_say_why()
    {
        using Checkpoint checkpoint = Small(static layer => [($"blk.{layer}.x.weight", [8, 64 + layer])]);
        Assert.True(QuantizationScheme.TryParse("q4_k_s", out QuantizationScheme scheme));
        IReadOnlyList<PlannedTensor> plan = QuantizationPlan.Of(checkpoint, new QuantizationOptions { Scheme = scheme });
        Assert.Equal(("Q5_0", "rows of 64 are not whole blocks of Q4_K"), (plan[0].DType.Name, plan[0].Reason));
        Assert.Equal(("F16", "rows of 65 are not whole blocks of Q4_K"), (plan[1].DType.Name, plan[1].Reason));
        WeightFileException error = Assert.Throws<WeightFileException>(() => QuantizationPlan.Of(checkpoint, new QuantizationOptions { Scheme = scheme, Overrides = [TypeOverride.Parse("*=q4_k")] }));
        Assert.Equal((Fault.Unsupported, "blk.0.x.weight"), (error.Fault, error.Tensor));
    }

    private static Checkpoint Small(Func<int, IEnumerable<(string Name, long[] Shape)>> layer, params (string Name, long[] Shape)[] more) => new(
        Enumerable.Range(0, 16).SelectMany(layer).Concat(more).Select(static tensor => new Tensor(tensor.Name, DType.F32, new Shape(tensor.Shape), new NoBytes(4 * tensor.Shape.Aggregate(1L, static (product, size) => product * size)))),
        new Origin("memory", "none", "", 0));

    // A plan reads none.
    private sealed class NoBytes(long length) : ByteSource
    {
        public override long Length => length;

        protected override void ReadCore(long offset, Span<byte> destination) => throw new InvalidOperationException("a plan needs no bytes");
    }
}
