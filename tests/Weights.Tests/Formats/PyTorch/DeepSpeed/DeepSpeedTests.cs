using Weights.Formats;

namespace Weights.Tests.Formats.PyTorch.DeepSpeed;

public class DeepSpeedTests
{
    [Theory]
    [InlineData("zero-0", "zip, little-endian, 8 storages")]
    [InlineData("zero-1-bf16", "DeepSpeed ZeRO-1, 2 ranks")]
    [InlineData("zero-2", "DeepSpeed ZeRO-2, 3 ranks")]
    [InlineData("zero-3", "DeepSpeed ZeRO-3, 4 ranks")]
    [InlineData("zero-3/global_step5", "DeepSpeed ZeRO-3, 4 ranks")]
    public void A_folder_says_what_it_was_put_together_from(string name, string variant)
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path($"pytorch/valid/{name}"));
        Assert.Equal(variant, checkpoint.Origin.Variant);
    }

    [Theory]
    [InlineData("zero-2/mp_rank_00_model_states.pt", "BF16")]
    [InlineData("zero-2/zero_pp_rank_1_mp_rank_00_optim_states.pt", "F32")]
    [InlineData("zero-3/global_step5/zero_pp_rank_2_mp_rank_00_model_states.pt", "BF16")]
    public void A_file_by_itself_is_read_as_it_is(string name, string dtype)
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path($"pytorch/valid/{name}"));
        Assert.StartsWith("zip", checkpoint.Origin.Variant, StringComparison.Ordinal);
        Assert.Contains(checkpoint.Tensors, tensor => tensor.DType.Name == dtype);
    }

    [Fact]
    public void What_is_not_in_the_state_dict_is_left_out_with_the_file_that_has_it()
    {
        using Checkpoint checkpoint = Format.Open(Fixtures.Path("pytorch/valid/zero-2"));
        Assert.Contains("'zero_pp_rank_0_mp_rank_00_optim_states.pt'", checkpoint.LeftOut.Single(static entry => entry.Path == "optimizer_state_dict").Reason, StringComparison.Ordinal);
        Assert.Contains("'mp_rank_00_model_states.pt'", checkpoint.LeftOut.Single(static entry => entry.Path == "module").Reason, StringComparison.Ordinal);
        Assert.Contains("here it was not called", checkpoint.LeftOut.Single(static entry => entry.Path == "deepspeed.runtime.fp16.loss_scaler.LossScaler").Reason, StringComparison.Ordinal);
        Assert.Equal("5", checkpoint.Metadata["global_steps"]!.ToText());
    }

    [Fact]
    public void A_root_is_a_part_of_the_model_states()
    {
        using Checkpoint everything = Format.Open(Fixtures.Path("pytorch/valid/zero-3"), new ReadOptions { Root = "." });
        Assert.Contains(everything.Tensors, static tensor => tensor.Name == "module.body.weight");
        Assert.Throws<WeightFileException>(() => Format.Open(Fixtures.Path("pytorch/valid/zero-3"), new ReadOptions { Root = "optimizer" }));
    }

    [Theory]
    [InlineData("corrupt-zero-rank-missing", "has the *_optim_states.pt of 1 rank, where the weights were cut for 2, rank 1's is missing")]
    [InlineData("corrupt-zero-rank-renamed", "has 2 ranks, rank 1's is missing")]
    [InlineData("corrupt-zero-rank-twice", "two files of rank 0: 'bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt' and 'zero_pp_rank_0_mp_rank_00_optim_states.pt'")]
    [InlineData("corrupt-zero-partition-count", "of 2 ranks, where the weights were cut for 3, rank 2's is missing")]
    [InlineData("corrupt-zero-stages", "is of ZeRO stage 3 with 2 ranks and 2 groups, where 'zero_pp_rank_0_mp_rank_00_optim_states.pt' is of stage 2")]
    [InlineData("corrupt-zero-model-missing", "has no mp_rank_00_model_states.pt")]
    [InlineData("corrupt-zero-fragment-missing", "tensor 'embed.weight': lists frozen parameters, of which each rank has a fragment, and there are the model states of 1 rank")]
    [InlineData("corrupt-zero-shape-large", "tensor 'scale': lists the shape [1000], for which 1,000 elements of group 1 are needed and 3 are left")]
    [InlineData("corrupt-zero-shape-small", "elements of each rank, and there are")]
    [InlineData("corrupt-zero-group-missing", "lists 2 groups of parameters, and the optimizer states have 1")]
    [InlineData("corrupt-zero-rank-short", "where the first rank has")]
    [InlineData("corrupt-zero-latest", "names the checkpoint 'global_step7', which is not there")]
    [InlineData("unsafe-zero-latest", "names the folder '../../valid/zero-2', which is not a plain name")]
    [InlineData("unsupported-zero-pipeline", "'layer_00-model_00-model_states.pt' holds layers of a pipeline-parallel model")]
    [InlineData("unsupported-zero-experts", "'layer_3_expert_0_mp_rank_00_model_states.pt' holds experts")]
    [InlineData("unsupported-zero-tensor-parallel", "'mp_rank_01_model_states.pt' holds a part of a tensor-parallel model")]
    public void Errors_say_which_file_or_parameter_is_at_fault(string name, string problem)
    {
        WeightFileException error = Assert.Throws<WeightFileException>(() => Format.Open(Fixtures.Path($"pytorch/invalid/{name}")));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(name.Split('-')[0], error.Fault.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.NotNull(error.File);
    }
}
