using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Weights.IO;
using Weights.Passes.Dialects;

namespace Weights.Passes.Packing;

/// <summary>
/// bitsandbytes. Tensors are those that the dialect of that name reads; of 4 bits, blocks go on from row to row, and the last may be shorter.
/// Codes of NF4 and FP4 are those of its CUDA kernels; of LLM.int8(), round(127 / |largest of the row| · x).
/// Source: https://github.com/bitsandbytes-foundation/bitsandbytes, <c>csrc/kernels.cu</c>, <c>backends/default/ops.py</c>, <c>functional.py</c> (<c>QuantState.as_dict</c>).
/// </summary>
internal sealed class BitsAndBytesLayout : PackedLayout
{
    private const int LeastBlock = 32;
    private const int MostBlock = 4096;

    public override string Name => "bitsandbytes";

    public override IReadOnlyList<PackedScheme> Schemes { get; } = [PackedScheme.Nf4, PackedScheme.Fp4, PackedScheme.Int8];

    // Its scales stand for the largest number, not for a step.
    internal override bool Keeps(PackedScheme scheme, ScaledCodes codes) => scheme != PackedScheme.Int8 && base.Keeps(scheme, codes);

    internal override bool CutsGroups(WeightUse? use) => true;

    // Its configuration says one thing for all layers.
    internal override bool MixesSchemes => false;

    internal override ScaleScope UsualScope(PackedScheme scheme) => scheme == PackedScheme.Int8 ? ScaleScope.Channel : ScaleScope.Group(64);

    internal override string? Problem(PackingChoice choice)
    {
        ScaleScope scope = choice.Scope;
        return choice.IsAsymmetric ? "bitsandbytes has no zero points"
            : choice.Search != ScaleSearching.Absmax ? "bitsandbytes takes the largest number of a row as its scale"
            : choice.Scheme == PackedScheme.Int8 ? scope == ScaleScope.Channel ? null : $"int8 of bitsandbytes has a scale per channel, not {scope}"
            : !scope.IsGroup || scope.Columns is < LeastBlock or > MostBlock || !BitOperations.IsPow2(scope.Columns) ? $"{choice.Scheme} has blocks of a power of two from {LeastBlock} to {MostBlock}, not {scope}"
            : null;
    }

    internal override string? ReasonToKeep(Tensor tensor, PackingChoice choice, WeightUse? use) =>
        choice.Scope.IsGroup && tensor.Shape.Rank == 2 && tensor.Shape.ElementCount > 0 ? null : base.ReasonToKeep(tensor, choice, use);

    internal override IReadOnlyList<Tensor> Pack(PackingSource weight, PackingChoice choice) =>
        choice.Scheme == PackedScheme.Int8 ? EightBits(ByOutputs(weight)) : FourBits(ByOutputs(weight), choice);

    internal override JsonObject Configuration(IReadOnlyList<(string Name, PackingChoice Choice)> packed, IReadOnlyList<string> kept)
    {
        PackedScheme scheme = packed[0].Choice.Scheme;
        bool isFour = scheme != PackedScheme.Int8;
        return new JsonObject
        {
            ["quant_method"] = Name,
            ["load_in_4bit"] = isFour,
            ["load_in_8bit"] = !isFour,
            ["bnb_4bit_quant_type"] = isFour ? scheme.Name : "fp4",
            ["bnb_4bit_use_double_quant"] = false,
            ["bnb_4bit_compute_dtype"] = "bfloat16",
            ["bnb_4bit_quant_storage"] = "uint8",
            ["llm_int8_threshold"] = JsonNode.Parse("6.0"), // Which its readers want to be a float by its looks, too.
            ["llm_int8_has_fp16_weight"] = false,
            ["llm_int8_enable_fp32_cpu_offload"] = false,
            ["llm_int8_skip_modules"] = Strings(kept.Select(Layer)),
        };
    }

    private static Tensor[] EightBits(PackingSource weight)
    {
        CodedBlocks blocks = weight.Blocks((int)weight.Shape[1], new BlockRecipe(static _ => new RowCoder(), DType.F32));
        string layer = weight.Name.EndsWith("weight", StringComparison.Ordinal) ? weight.Name[..^"weight".Length] : weight.Name + ".";
        return
        [
            new(weight.Name, DType.I8, weight.Shape, new CodeBytes(blocks, new CodePacking(8))),
            new(layer + "SCB", DType.F32, new Shape(weight.Shape[0]), new BlockScaleBytes(blocks, DType.F32)),
            new(weight.Name + "_format", DType.U8, Shape.Scalar, new MemoryBytes(new byte[1])),
        ];
    }

    private static Tensor[] FourBits(PackingSource weight, PackingChoice choice)
    {
        bool isNormal = choice.Scheme == PackedScheme.Nf4;
        ScaleStorage storage = ScaleStorage.Magnitude();
        LevelCoder coder = isNormal ? LevelCoder.NF4(storage) : LevelCoder.FP4(storage);
        CodedBlocks blocks = weight.Blocks(choice.Scope.Columns, new BlockRecipe(_ => coder, weight.ScaleType));
        CodeBytes codes = new(blocks, new CodePacking(4, IsHighFirst: true));
        float[] levels = (isNormal ? LevelSets.NF4 : LevelSets.FP4).Levels;
        string dtype = weight.ScaleType == DType.F16 ? "float16" : weight.ScaleType == DType.BF16 ? "bfloat16" : "float32";
        byte[] state = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{{\"quant_type\": \"{choice.Scheme}\", \"blocksize\": {choice.Scope.Columns}, \"dtype\": \"{dtype}\", \"shape\": [{weight.Shape[0]}, {weight.Shape[1]}]}}"));
        return
        [
            new(weight.Name, DType.U8, new Shape(codes.Length, 1), codes),
            new(weight.Name + ".absmax", DType.F32, new Shape(blocks.Count), new BlockScaleBytes(blocks, DType.F32)),
            new(weight.Name + ".quant_map", DType.F32, new Shape(levels.Length), new MemoryBytes(MemoryMarshal.AsBytes<float>(levels).ToArray())),
            new($"{weight.Name}.quant_state.bitsandbytes__{choice.Scheme}", DType.U8, new Shape(state.Length), new MemoryBytes(state)),
        ];
    }
}
