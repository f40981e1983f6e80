using Weights.IO;

namespace Weights.Passes.Dialects;

/// <summary>
/// MXFP4 as gpt-oss has it for the experts of a layer, all in one tensor.
/// <code>
/// blocks  U8 [experts, out, in / 32, 16]   two E2M1 in a byte, the first in the lower bits
/// scales  U8 [experts, out, in / 32]       powers of two (E8M0)
/// </code>
/// number · scale, as BF16. In checkpoints for Transformers (<c>gate_up_proj_blocks</c>) the weight is [experts, in, out], the way its layers multiply; in the original ones
/// (<c>mlp1_weight.blocks</c>) it is [experts, out, in]. Sources: <c>convert_moe_packed_tensors</c> in https://github.com/huggingface/transformers/blob/main/src/transformers/integrations/mxfp4.py,
/// <c>_get_mxfp4_tensor</c> in https://github.com/openai/gpt-oss/blob/main/gpt_oss/torch/weights.py.
/// </summary>
internal sealed class MicroscaledExperts : Dialect
{
    private const int Group = 32;

    public override string Name => "gpt-oss MXFP4";

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors) => [.. Find(tensors, "_", isTurned: true), .. Find(tensors, ".", isTurned: false)];

    private IEnumerable<PackedWeight> Find(PackedTensors tensors, string suffix, bool isTurned)
    {
        foreach ((Tensor blocks, string name) in tensors.Ending(suffix + "blocks"))
        {
            // Others may have that name, too.
            if (blocks.DType == DType.U8 && blocks.Shape.Rank == 4 && blocks.Shape[3] == Group / 2 && tensors.Wants(name))
            {
                yield return Of(name, blocks, tensors.Require($"{name}{suffix}scales", blocks), isTurned);
            }
        }
    }

    private PackedWeight Of(string name, Tensor blocks, Tensor scales, bool isTurned)
    {
        (long experts, long rows, long groups) = (blocks.Shape[0], blocks.Shape[1], blocks.Shape[2]);
        RequireType(scales, DType.U8, DType.F8E8M0);
        RequireShape(scales, $"blocks have shape {blocks.Shape}", experts, rows, groups);
        if (blocks.Shape.ElementCount == 0 || rows > TurnedBlocks.MostOutputs)
        {
            throw Broken(blocks, $"has shape {blocks.Shape}, where experts with rows should be");
        }
        Tensor powers = new(scales.Name, DType.F8E8M0, scales.Shape, scales.Bytes);
        ScaledBytes lying = new(DType.BF16)
        {
            Rows = experts * rows,
            Columns = groups * Group,
            Numbers = new NibbleElements(blocks.Bytes, CompressedTensors.E2M1, isHighFirst: false),
            Scales = new TensorElements(powers),
            Grid = new ScaleGrid(experts * rows, groups, 1, Group) { Description = $"groups of {Group}" },
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = lying.Grid.Description,
            Parts = [blocks, scales],
            Tensor = isTurned ? Turned(name, blocks, powers) : lying.Tensor(name, new Shape(experts, rows, groups * Group)),
            Codes = isTurned ? null : lying.Codes(CodeSet.Levels, DType.F8E8M0)! with { Levels = CompressedTensors.E2M1 },
            DType = DType.BF16,
        };
    }

    // One expert after the other.
    private static Tensor Turned(string name, Tensor blocks, Tensor powers)
    {
        (long experts, long rows, long groups) = (blocks.Shape[0], blocks.Shape[1], blocks.Shape[2]);
        Shape matrix = new(groups * Group, rows);
        List<ByteSource> all = [];
        for (long expert = 0; expert < experts; expert++)
        {
            TurnedBlocks weight = new(DType.F4, DType.BF16)
            {
                Shape = matrix,
                BlockSize = Group,
                Numbers = blocks.Bytes.Slice(expert * blocks.Bytes.Length / experts, blocks.Bytes.Length / experts),
                Scales = new TensorElements(new Tensor(powers.Name, powers.DType, new Shape(rows, groups), powers.Bytes.Slice(expert * rows * groups, rows * groups))),
                ZeroPoint = 0,
            };
            all.Add(weight.Tensor(name).Bytes);
        }
        return new Tensor(name, DType.BF16, new Shape(experts, groups * Group, rows), ConcatenatedBytes.Create(all));
    }
}
