using System.Numerics;
using System.Text.Json.Nodes;

namespace Weights.Passes.Packing;

/// <summary>
/// compressed-tensors, as llm-compressor writes it, for vLLM. Tensors are those that the dialect of that name reads:
/// <code>
/// int4, int8 in groups, with zero points   pack-quantized          weight_packed, weight_scale, weight_zero_point, weight_shape
/// int8 per channel or tensor               int-quantized           weight, weight_scale
/// fp8, also in blocks of rows and columns  float-quantized         weight, weight_scale
/// nvfp4                                    nvfp4-pack-quantized    weight_packed, weight_scale, weight_global_scale
/// mxfp4, mxfp8                             mxfp4-pack-quantized, mxfp8-quantized
/// </code>
/// Where kernels want them so, the configuration asks for activations that are quantised while the model runs, with a scale for each token: for int-quantized and float-quantized.
/// Source: https://github.com/vllm-project/compressed-tensors, <c>compressors</c>, <c>quantization/quant_args.py</c> and <c>quant_scheme.py</c>.
/// </summary>
internal sealed class CompressedTensorsLayout : PackedLayout
{
    private const int NvfpGroup = 16;
    private const int MxfpGroup = 32;

    private const int LeastBlock = 16;

    // Words of 32 bits then begin with a group.
    private const int GroupUnit = 8;

    // Of NVFP4, the largest scale times the largest number, and the least magnitude of a tensor.
    private const float Largest = 448 * 6;
    private const float SmallestNormal = 1.17549435e-38f;

    public override string Name => "compressed-tensors";

    public override IReadOnlyList<PackedScheme> Schemes { get; } = [PackedScheme.Int4, PackedScheme.Int8, PackedScheme.Fp8, PackedScheme.Nvfp4, PackedScheme.Mxfp4, PackedScheme.Mxfp8];

    internal override ScaleScope UsualScope(PackedScheme scheme) =>
        scheme == PackedScheme.Int4 ? ScaleScope.Group(128)
        : scheme == PackedScheme.Nvfp4 ? ScaleScope.Group(NvfpGroup)
        : scheme == PackedScheme.Mxfp4 || scheme == PackedScheme.Mxfp8 ? ScaleScope.Group(MxfpGroup)
        : ScaleScope.Channel;

    internal override string? Problem(PackingChoice choice)
    {
        (PackedScheme scheme, ScaleScope scope) = (choice.Scheme, choice.Scope);
        if (!scheme.IsInteger && scheme != PackedScheme.Fp8)
        {
            return scope == UsualScope(scheme) ? null : $"{scheme} has {UsualScope(scheme)}, not {scope}";
        }
        return scheme == PackedScheme.Fp8 && scope.IsGroup ? $"fp8 has a scale per channel, per tensor or blocks such as 128x128, not {scope}; mxfp8 has groups of 32"
            : scope.IsBlock && Math.Min(scope.Rows, scope.Columns) < LeastBlock ? $"blocks are of at least {LeastBlock} rows and columns, not {scope}"
            : scheme != PackedScheme.Fp8 && scope.IsBlock ? $"{scheme} has no {scope}; only fp8 has blocks"
            : scope == ScaleScope.Tensor && (scheme == PackedScheme.Int4 || choice.IsAsymmetric) ? $"{scheme}{(choice.IsAsymmetric ? " with zero points" : "")} has a scale per channel or groups, not one per tensor"
            : scope.IsGroup && scope.Columns % GroupUnit != 0 ? $"groups of {scope.Columns} columns do not fill words; take a multiple of {GroupUnit}"
            : null;
    }

    internal override IReadOnlyList<Tensor> Pack(PackingSource weight, PackingChoice choice) => Format(choice) switch
    {
        "pack-quantized" => Words(ByOutputs(weight), choice),
        "int-quantized" or "float-quantized" => Bytes(ByOutputs(weight), choice),
        _ => Floats(ByOutputs(weight), choice),
    };

    internal override JsonObject Configuration(IReadOnlyList<(string Name, PackingChoice Choice)> packed, IReadOnlyList<string> kept)
    {
        JsonObject groups = [];
        IGrouping<PackingChoice, string>[] byChoice = [.. packed.GroupBy(static weight => weight.Choice, static weight => Layer(weight.Name)).OrderByDescending(static group => group.Count())];
        foreach ((int index, IGrouping<PackingChoice, string> group) in byChoice.Index())
        {
            PackingChoice choice = group.Key;
            groups.Add($"group_{index}", new JsonObject
            {
                ["targets"] = Strings(index == 0 ? ["Linear"] : group),
                ["weights"] = Arguments(choice, isWeights: true),
                ["input_activations"] = HasActivations(choice) ? Arguments(choice, isWeights: false) : null,
                ["output_activations"] = null,
                ["format"] = Format(choice),
            });
        }
        string[] formats = [.. byChoice.Select(static group => Format(group.Key)).Distinct()];
        return new JsonObject
        {
            ["quant_method"] = Name,
            ["format"] = formats.Length == 1 ? formats[0] : "mixed-precision",
            ["quantization_status"] = "compressed",
            ["config_groups"] = groups,
            ["ignore"] = Strings(kept.Select(Layer)),
            ["kv_cache_scheme"] = null,
            ["global_compression_ratio"] = null,
        };
    }

    private static string Format(PackingChoice choice) =>
        choice.Scheme == PackedScheme.Int4 || (choice.Scheme == PackedScheme.Int8 && (choice.IsAsymmetric || choice.Scope.IsGroup)) ? "pack-quantized"
        : choice.Scheme == PackedScheme.Int8 ? "int-quantized"
        : choice.Scheme == PackedScheme.Fp8 ? "float-quantized"
        : choice.Scheme == PackedScheme.Mxfp8 ? "mxfp8-quantized"
        : $"{choice.Scheme}-pack-quantized";

    private static bool HasActivations(PackingChoice choice) => Format(choice) is "int-quantized" or "float-quantized";

    private static JsonObject Arguments(PackingChoice choice, bool isWeights)
    {
        (PackedScheme scheme, ScaleScope scope) = (choice.Scheme, choice.Scope);
        string strategy = !isWeights ? scope.IsBlock ? "group" : "token" : scope.IsBlock ? "block" : scheme == PackedScheme.Nvfp4 ? "tensor_group" : scope.IsGroup ? "group" : scope == ScaleScope.Channel ? "channel" : "tensor";
        JsonObject arguments = new()
        {
            ["num_bits"] = scheme.Bits,
            ["type"] = scheme.IsInteger ? "int" : "float",
            ["symmetric"] = !choice.IsAsymmetric,
            ["strategy"] = strategy,
            ["group_size"] = isWeights ? scope.IsGroup ? scope.Columns : null : scope.IsBlock ? scope.Columns : null,
            ["dynamic"] = !isWeights,
            ["actorder"] = null,
            ["block_structure"] = isWeights && scope.IsBlock ? new JsonArray(scope.Rows, scope.Columns) : null,
            ["observer"] = isWeights ? choice.Search == ScaleSearching.Mse ? "mse" : "minmax" : null,
        };
        if (scheme == PackedScheme.Nvfp4)
        {
            arguments["scale_dtype"] = "torch.float8_e4m3fn";
        }
        else if (scheme == PackedScheme.Mxfp4 || scheme == PackedScheme.Mxfp8)
        {
            arguments["scale_dtype"] = "torch.uint8";
        }
        return arguments;
    }

    private static Tensor[] Words(PackingSource weight, PackingChoice choice)
    {
        (long rows, long columns) = (weight.Shape[0], weight.Shape[1]);
        int bits = choice.Scheme.Bits;
        DType scaleType = weight.ScaleType;
        int block = choice.Scope.IsGroup ? choice.Scope.Columns : (int)columns;
        int groups = (int)(columns / block);
        IntegerCoder coder = new(bits, !choice.IsAsymmetric, choice.Search, ScaleStorage.Of(scaleType));
        CodedBlocks blocks = weight.Blocks(block, new BlockRecipe(_ => coder, scaleType));
        CodeBytes codes = new(blocks, new CodePacking(bits, Offset: 1 << (bits - 1), Alignment: sizeof(uint)));
        byte[] shape = new byte[2 * sizeof(long)];
        BitConverter.TryWriteBytes(shape, rows);
        BitConverter.TryWriteBytes(shape.AsSpan(sizeof(long)), columns);
        List<Tensor> parts =
        [
            new(weight.Name + "_packed", DType.I32, new Shape(rows, codes.Length / rows / sizeof(uint)), codes),
            new(weight.Name + "_scale", scaleType, new Shape(rows, groups), new BlockScaleBytes(blocks, scaleType)),
            new(weight.Name + "_shape", DType.I64, new Shape(2), new IO.MemoryBytes(shape)),
        ];
        if (choice.IsAsymmetric)
        {
            ZeroPointWords zeroPoints = new(blocks, groups, bits);
            parts.Add(new Tensor(weight.Name + "_zero_point", DType.I32, new Shape(zeroPoints.Length / groups / sizeof(uint), groups), zeroPoints));
        }
        return [.. parts];
    }

    private static Tensor[] Bytes(PackingSource weight, PackingChoice choice)
    {
        (long rows, long columns) = (weight.Shape[0], weight.Shape[1]);
        DType scaleType = weight.ScaleType;
        ScaleStorage storage = ScaleStorage.Of(scaleType);
        bool isInteger = choice.Scheme.IsInteger;
        BlockCoder coder = isInteger ? new IntegerCoder(choice.Scheme.Bits, isSymmetric: true, choice.Search, storage) : new FloatCoder(storage);
        bool isWhole = choice.Scope == ScaleScope.Tensor;
        if (choice.Scope.IsBlock)
        {
            weight = weight.InBlocks(choice.Scope, coder);
        }
        // Rows need not be whole blocks.
        int length = choice.Scope.IsBlock ? (int)BigInteger.GreatestCommonDivisor(choice.Scope.Columns, columns) : (int)columns;
        CodedBlocks blocks = weight.Blocks(length, new BlockRecipe(_ => coder, scaleType, IsWhole: isWhole));
        BlockScaleBytes scales = new(blocks, scaleType);
        Tensor numbers = new(weight.Name, isInteger ? DType.I8 : DType.F8E4M3, weight.Shape, new CodeBytes(blocks, new CodePacking(8)));
        string name = weight.Name + "_scale";
        return
        [
            numbers,
            isWhole ? new(name, scaleType, new Shape(1), scales.Slice(0, scaleType.BlockBytes))
                : choice.Scope.IsBlock ? BlockScales.Stored(name, weight.Codes!, choice.Scope, scaleType)
                : new(name, scaleType, new Shape(rows, 1), scales),
        ];
    }

    // Numbers that are too small for one have none.
    private static float WholeScale(NumberRange range)
    {
        float scale = Largest / Math.Max(range.Magnitude, SmallestNormal);
        return float.IsFinite(scale) ? scale : 1;
    }

    private static Tensor[] Floats(PackingSource weight, PackingChoice choice)
    {
        (long rows, long columns) = (weight.Shape[0], weight.Shape[1]);
        bool isNvfp = choice.Scheme == PackedScheme.Nvfp4;
        bool isBytes = choice.Scheme == PackedScheme.Mxfp8;
        float Divisor(NumberRange range) => weight.Codes?.Divisor ?? WholeScale(range);
        BlockCoder Coder(NumberRange range) =>
            isNvfp ? LevelCoder.E2M1(ScaleStorage.Divided(Divisor(range)), weight.Codes is not null)
            : isBytes ? new FloatCoder(ScaleStorage.Powers(8))
            : LevelCoder.E2M1(ScaleStorage.Powers(2), weight.Codes is not null);
        CodedBlocks blocks = weight.Blocks(choice.Scope.Columns, new BlockRecipe(Coder, DType.BF16, NeedsRange: isNvfp && weight.Codes is null));
        CodeBytes codes = new(blocks, new CodePacking(choice.Scheme.Bits));
        long groups = columns / choice.Scope.Columns;
        List<Tensor> parts =
        [
            isBytes ? new(weight.Name, DType.F8E4M3, weight.Shape, codes) : new(weight.Name + "_packed", DType.U8, new Shape(rows, columns / 2), codes),
            isNvfp
                ? new(weight.Name + "_scale", DType.F8E4M3, new Shape(rows, groups), new BlockScaleBytes(blocks, DType.F8E4M3))
                : new(weight.Name + "_scale", DType.U8, new Shape(rows, groups), new BlockScaleBytes(blocks, DType.F8E8M0)),
        ];
        if (isNvfp)
        {
            parts.Add(new Tensor(weight.Name + "_global_scale", DType.F32, new Shape(1), new NumberBytes(() => Divisor(weight.Codes is null ? blocks.Range : default))));
        }
        return [.. parts];
    }
}
