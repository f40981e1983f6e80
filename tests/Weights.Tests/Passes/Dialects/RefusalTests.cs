using Weights.IO;
using Weights.Passes.Dialects;

namespace Weights.Tests.Passes.Dialects;

/// <summary>Parts that look like a dialect's and do not fit together are refused, in a sentence that names the tensor; never left as they are.</summary>
public class RefusalTests
{
    [Theory]
    [InlineData("gptq-4bit-128", "scales", "model.layers.0.mlp.down_proj.qweight", "needs the tensor 'model.layers.0.mlp.down_proj.scales'")]
    [InlineData("gptq-4bit-128", "qzeros", "model.layers.0.mlp.down_proj.qweight", "needs the tensor 'model.layers.0.mlp.down_proj.qzeros'")]
    [InlineData("awq-128", "qzeros", "model.layers.0.self_attn.q_proj.qweight", "needs the tensor")]
    [InlineData("ct-pack-4bit-128", "weight_scale", "model.layers.1.mlp.gate_proj.weight_packed", "needs the tensor")]
    [InlineData("ct-pack-4bit-128", "weight_shape", "model.layers.1.mlp.gate_proj.weight_packed", "needs the tensor")]
    [InlineData("ct-nvfp4", "weight_global_scale", "model.layers.3.mlp.down_proj.weight_packed", "needs the tensor")]
    [InlineData("modelopt-nvfp4", "weight_scale", "model.layers.3.mlp.down_proj.weight_scale_2", "needs the tensor")]
    [InlineData("gpt-oss-original", "scales", "block.0.mlp.mlp1_weight.blocks", "needs the tensor 'block.0.mlp.mlp1_weight.scales'")]
    [InlineData("fp8-blocks", "weight", "model.layers.2.mlp.up_proj.weight_scale_inv", "needs the tensor 'model.layers.2.mlp.up_proj.weight'")]
    [InlineData("bnb-nf4", "weight", "model.layers.4.self_attn.v_proj.weight.absmax", "needs the tensor")]
    [InlineData("bnb-nf4", "quant_map", "model.layers.4.self_attn.v_proj.weight", "needs the tensor")]
    [InlineData("bnb-nf4", "quant_state.bitsandbytes__nf4", "model.layers.4.self_attn.v_proj.weight", "needs the tensor")]
    [InlineData("bnb-nf4-nested", "nested_absmax", "model.layers.4.self_attn.v_proj.weight", "needs the tensor")]
    [InlineData("bnb-int8", "weight", "model.layers.4.mlp.up_proj.SCB", "needs the tensor")]
    public void Without_a_part(string name, string part, string tensor, string reason) =>
        AssertRefused(name, Fault.Corrupt, tensor, reason, tensors => tensors.RemoveAll(one => one.Name.EndsWith($".{part}", StringComparison.Ordinal)));

    [Theory]
    [InlineData("gptq-4bit-128", "qzeros", "model.layers.0.mlp.down_proj.qzeros", "is not 2, 3, 4 or 8 bits for each of 64 columns")]
    [InlineData("gptq-4bit-128", "g_idx", "model.layers.0.mlp.down_proj.g_idx", "as there are 256 columns")]
    [InlineData("gptq-4bit-128", "scales", "model.layers.0.mlp.down_proj.qweight", "neither GPTQ's nor AWQ's layout")]
    [InlineData("awq-128", "qzeros", "model.layers.0.self_attn.q_proj.qzeros", "as the scales have shape [2, 64]")]
    [InlineData("ct-pack-4bit-128", "weight_packed", "model.layers.1.mlp.gate_proj.weight_packed", "is not 256 integers of 1 to 8 bits in a row")]
    [InlineData("ct-pack-4bit-128", "weight_scale", "model.layers.1.mlp.gate_proj.weight_scale", "is no grid of scales for a weight of shape [48, 256]")]
    [InlineData("ct-pack-4bit-asymmetric", "weight_zero_point", "model.layers.1.mlp.gate_proj.weight_zero_point", "as the scales have shape [21, 4] and zero points 4 bits")]
    [InlineData("ct-int8-asymmetric-groups", "weight_zero_point", "model.layers.2.mlp.up_proj.weight_zero_point", "as the scales have that")]
    [InlineData("ct-mxfp4", "weight_scale", "model.layers.3.mlp.down_proj.weight_scale", "has groups of 24, where groups of 32 should be")]
    [InlineData("gpt-oss-original", "scales", "block.0.mlp.mlp1_weight.scales", "as blocks have shape [2, 33, 2, 16]")]
    [InlineData("fp8-blocks", "weight_scale_inv", "model.layers.2.mlp.up_proj.weight_scale_inv", "is no grid of scales for a weight of shape [256, 384]")]
    [InlineData("bnb-nf4", "weight", "model.layers.4.self_attn.v_proj.weight", "needs 1536")]
    [InlineData("bnb-nf4", "absmax", "model.layers.4.self_attn.v_proj.weight.absmax", "has that many blocks of 64")]
    [InlineData("bnb-nf4-nested", "nested_absmax", "model.layers.4.self_attn.v_proj.weight.nested_absmax", "there are 390 scales in blocks of 256")]
    [InlineData("bnb-int8", "SCB", "model.layers.4.mlp.up_proj.SCB", "as the weight has 40 rows")]
    public void With_a_part_of_another_shape(string name, string part, string tensor, string reason) => AssertRefused(name, Fault.Corrupt, tensor, reason, tensors => Replace(tensors, part, static old =>
    {
        // One more along the last axis.
        long[] shape = old.Shape.Dimensions.ToArray();
        shape[^1]++;
        Shape larger = new(shape);
        return new Tensor(old.Name, old.DType, larger, new MemoryBytes(new byte[old.DType.ByteCount(larger)!.Value]));
    }));

    [Theory]
    [InlineData("gptq-4bit-128", "g_idx", "model.layers.0.mlp.down_proj.g_idx", "says that column 0 is of group 16843009, and there are 2, from 0 on")]
    [InlineData("ct-pack-3bit-act-order", "weight_g_idx", "model.layers.1.mlp.gate_proj.weight_g_idx", "says that column 0 is of group 16843009, and there are 3, from 0 on")]
    [InlineData("ct-pack-4bit-128", "weight_shape", "model.layers.1.mlp.gate_proj.weight_shape", "says that the weight has shape [72340172838076673, 72340172838076673]")]
    [InlineData("bnb-nf4", "bitsandbytes__nf4", "model.layers.4.self_attn.v_proj.weight.quant_state.bitsandbytes__nf4", "is not the JSON")]
    public void With_a_part_that_says_nonsense(string name, string part, string tensor, string reason) => AssertRefused(name, Fault.Corrupt, tensor, reason, tensors => Replace(tensors, part, static old =>
    {
        byte[] ones = new byte[old.Bytes.Length];
        Array.Fill(ones, (byte)1);
        return new Tensor(old.Name, old.DType, old.Shape, new MemoryBytes(ones));
    }));

    [Theory]
    [InlineData("gptq-4bit-128", "scales", "model.layers.0.mlp.down_proj.scales", "is F64, where F16 or BF16 or F32 should be")]
    [InlineData("awq-128", "qweight", "model.layers.0.self_attn.q_proj.qweight", "is F64, where I32 should be")]
    [InlineData("fp8-blocks", "weight", "model.layers.2.mlp.up_proj.weight", "is F64, where F8_E4M3 or F8_E5M2 should be")]
    [InlineData("ct-pack-4bit-128", "weight_packed", "model.layers.1.mlp.gate_proj.weight_packed", "is F64, where I32 should be")]
    [InlineData("bnb-int8", "SCB", "model.layers.4.mlp.up_proj.SCB", "is F64, where F32 should be")]
    public void With_a_part_of_another_type(string name, string part, string tensor, string reason) => AssertRefused(name, Fault.Corrupt, tensor, reason, tensors =>
        Replace(tensors, part, static old => new Tensor(old.Name, DType.F64, old.Shape, new MemoryBytes(new byte[old.Shape.ElementCount * 8]))));

    [Fact]
    public void With_the_weight_itself_beside_its_parts() => AssertRefused("gptq-4bit-128", Fault.Corrupt, "model.layers.0.mlp.down_proj.weight", "is there beside 'model.layers.0.mlp.down_proj.qweight'", static tensors =>
        tensors.Add(new Tensor("model.layers.0.mlp.down_proj.weight", DType.F16, new Shape(1), new MemoryBytes(new byte[2]))));

    [Fact]
    public void In_a_layout_for_another_kernel()
    {
        AssertRefused("awq-128", Fault.Unsupported, "model.layers.0.self_attn.q_proj.qweight", "AWQ's GEMV kernels", static tensors =>
        {
            // [out, in / 8], zero points and scales [out, …].
            tensors.Clear();
            tensors.AddRange(
            [
                Zeros("model.layers.0.self_attn.q_proj.qweight", DType.I32, 64, 32),
                Zeros("model.layers.0.self_attn.q_proj.qzeros", DType.I32, 64, 1),
                Zeros("model.layers.0.self_attn.q_proj.scales", DType.F16, 64, 8),
            ]);
        });
        AssertRefused("awq-128", Fault.Unsupported, "model.layers.0.self_attn.q_proj.qweight", "AWQ's GEMV kernels", static tensors =>
        {
            tensors.Clear();
            tensors.AddRange(
            [
                Zeros("model.layers.0.self_attn.q_proj.qweight", DType.I16, 16, 256),
                Zeros("model.layers.0.self_attn.q_proj.qzeros", DType.F16, 8, 64),
                Zeros("model.layers.0.self_attn.q_proj.scales", DType.F16, 8, 64),
            ]);
        });
        AssertRefused("ct-pack-4bit-128", Fault.Unsupported, "model.layers.1.mlp.gate_proj.weight_packed", "marlin-24", static tensors => tensors.Add(Zeros("model.layers.1.mlp.gate_proj.meta", DType.I16, 1, 1)));
        AssertRefused("modelopt-nvfp4", Fault.Unsupported, "model.layers.3.mlp.down_proj.weight_scale_2", "ComfyUI's NVFP4", static tensors => tensors.Add(Zeros("model.layers.3.mlp.down_proj.comfy_quant", DType.U8, 20)));
        AssertRefused("bnb-int8", Fault.Unsupported, "model.layers.4.mlp.up_proj.weight_format", "order of a GPU's tiles", static tensors =>
            Replace(tensors, "weight_format", static old => new Tensor(old.Name, old.DType, old.Shape, new MemoryBytes(new byte[] { 2 }))));
    }

    [Theory]
    [InlineData("""{"quantization_config": {"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}}""", "is in GPTQ's layout 'marlin'")]
    [InlineData("""{"quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemv"}}""", "AWQ's GEMV kernels")]
    public void In_a_layout_that_the_configuration_names(string json, string reason)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("config.json"), json);
        using Checkpoint packed = Packed.Open("gptq-4bit-128");
        WeightFileException error = Assert.Throws<WeightFileException>(() => packed.Dequantize(new DequantizationOptions { Config = QuantizationConfig.Beside(folder.Path) }, []));
        Assert.Equal(Fault.Unsupported, error.Fault);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_that_is_none_is_refused()
    {
        using TemporaryFolder folder = new();
        foreach (string text in (string[])["", "[]", "{", "\"text\"", new string('[', 100)])
        {
            File.WriteAllText(folder.File("config.json"), text);
            Assert.Equal(Fault.Corrupt, Assert.Throws<WeightFileException>(() => QuantizationConfig.Beside(folder.File("model.safetensors"))).Fault);
        }
        File.WriteAllText(folder.File("config.json"), """{"quantization_config": {"bits": "four", "config_groups": {"a": 3, "b": {"weights": []}}, "weight_block_size": [128, "x"], "group_size": 1e99}}""");
        QuantizationConfig odd = QuantizationConfig.Beside(folder.Path);
        Assert.Equal((null, null, null, 0), (odd.Method, odd.GroupSize, odd.Block, odd.Bits.Count));
        Assert.NotNull(odd.Path);
        File.WriteAllText(folder.File("config.json"), """{"model_type": "llama"}""");
        Assert.Null(QuantizationConfig.Beside(folder.Path).Path);
    }

    private static Tensor Zeros(string name, DType dtype, params ReadOnlySpan<long> shape) => new(name, dtype, new Shape(shape), new MemoryBytes(new byte[dtype.ByteCount(new Shape(shape))!.Value]));

    private static void Replace(List<Tensor> tensors, string part, Func<Tensor, Tensor> change)
    {
        int index = tensors.FindIndex(one => (one.Name.EndsWith($".{part}", StringComparison.Ordinal) && !one.Name.Contains("norm", StringComparison.Ordinal)) || one.Name.EndsWith($"_{part}", StringComparison.Ordinal) || one.Name.EndsWith($".quant_state.{part}", StringComparison.Ordinal));
        Assert.True(index >= 0);
        tensors[index] = change(tensors[index]);
    }

    private static void AssertRefused(string name, Fault fault, string tensor, string reason, Action<List<Tensor>> breakIt)
    {
        using Checkpoint packed = Packed.Open(name);
        List<Tensor> tensors = [.. packed.Tensors];
        breakIt(tensors);
        WeightFileException error = Assert.Throws<WeightFileException>(() => packed.With(tensors).Dequantize(Packed.Options(name), []));
        Assert.Equal((fault, tensor), (error.Fault, error.Tensor));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
