using System.Text.Json;

namespace Weights.Passes.Dialects;

/// <summary>
/// bitsandbytes: NF4 or FP4, and LLM.int8().
/// <code>
/// weight                   U8 [out · in / 2, 1]   two numbers, the first in the higher bits; other types hold the same bytes
/// weight.absmax            F32 [blocks]           or U8, where they are quantised themselves:
/// weight.quant_map         F32 [16]               the numbers
/// weight.nested_absmax     F32                    weight.nested_quant_map  F32 [256]
/// weight.quant_state.bitsandbytes__nf4            U8: JSON with shape, dtype, blocksize, nested_blocksize, nested_offset
///
/// weight  I8 [out, in]     SCB  F32 [out]         weight_format  U8, 0 for rows; optional
/// </code>
/// quant_map[number] · absmax, as F32, rounded to the <c>dtype</c> of the state in the end, as the CUDA kernel does, and nested,
/// absmax = nested_quant_map[absmax] · nested_absmax + nested_offset as F32 at each step. Of LLM.int8(), (weight · SCB) · (1 / 127) as F32, which is also what is returned.
/// Source: https://github.com/bitsandbytes-foundation/bitsandbytes, <c>csrc/kernels.cu</c> (<c>kDequantizeBlockwise</c>) and <c>functional.py</c>.
/// </summary>
internal sealed class BitsAndBytes : Dialect
{
    private const float Reciprocal127 = 7.874015718698502e-3f;
    private const int MaxStateBytes = 1 << 16;
    private static readonly string[] s_kinds = ["nf4", "fp4"];

    public override string Name => "bitsandbytes";

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach (Tensor tensor in tensors.Unexplained)
        {
            if (tensor.Name.EndsWith(".absmax", StringComparison.Ordinal) && tensor.Name[..^7] is var name && tensors.Wants(name))
            {
                yield return FourBits(tensors, tensors.Require(name, tensor), tensor);
            }
            else if (tensor.Name.EndsWith(".SCB", StringComparison.Ordinal) && tensor.Name[..^3] + "weight" is var weight && tensors.Wants(weight))
            {
                yield return EightBits(tensors, tensors.Require(weight, tensor), tensor);
            }
        }
    }

    private PackedWeight EightBits(PackedTensors tensors, Tensor weight, Tensor scales)
    {
        RequireType(weight, DType.I8);
        RequireType(scales, DType.F32);
        RequireMatrix(weight);
        RequireShape(scales, $"the weight has {weight.Shape[0]} rows", weight.Shape[0]);
        Tensor? format = tensors.Find(weight.Name + "_format");
        if (format is not null && (format.DType != DType.U8 || format.Shape.ElementCount != 1 || First(format) != 0))
        {
            throw Unread(format, "says that the weight is in the order of a GPU's tiles, and only rows are read; load it with bitsandbytes and save it again");
        }
        ScaledBytes bytes = new(DType.F32)
        {
            Rows = weight.Shape[0],
            Columns = weight.Shape[1],
            Numbers = new TensorElements(weight),
            Scales = new TensorElements(scales),
            Grid = ScaleGrid.Of(scales, weight.Shape, QuantizationConfig.None),
            Factor = Reciprocal127,
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = "LLM.int8(), a scale per channel",
            Parts = [.. new[] { weight, scales, format }.OfType<Tensor>()],
            Tensor = bytes.Tensor(weight.Name, weight.Shape),
            Codes = bytes.Codes(CodeSet.Integers)! with { Bits = 8 },
            DType = DType.F32,
        };
    }

    private PackedWeight FourBits(PackedTensors tensors, Tensor weight, Tensor scales)
    {
        string start = weight.Name + ".";
        string? kind = s_kinds.FirstOrDefault(kind => tensors.Find(StateName(start, kind)) is not null);
        Tensor stored = tensors.Require(StateName(start, kind ?? s_kinds[0]), weight);
        State state = State.Read(stored);
        Tensor map = tensors.Require(start + "quant_map", weight);
        RequireType(map, DType.F32);
        RequireShape(map, "there are four bits", 16);
        long elements = state.Shape.ElementCount;
        if (weight.Bytes.Length != (elements + 1) / 2 && weight.Bytes.Length != AsElements(weight, (elements + 1) / 2))
        {
            throw Broken(weight, $"has {weight.Bytes.Length} bytes, where a weight of shape {state.Shape} needs {(elements + 1) / 2}");
        }
        long blocks = ScaleGrid.Count(elements, state.BlockSize);
        List<Tensor> parts = [weight, scales, map, stored];
        float[] numbers = new float[16];
        new TensorElements(map).Read(0, numbers);
        ScaledBytes bytes = new(DType.F32)
        {
            Rows = 1,
            Columns = elements,
            Numbers = new NibbleElements(weight.Bytes, numbers, isHighFirst: true),
            Scales = Scales(tensors, weight, scales, state, blocks, parts),
            Grid = new ScaleGrid(1, blocks, 1, state.BlockSize) { Description = $"blocks of {state.BlockSize}" },
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"{(kind ?? s_kinds[0]).ToUpperInvariant()}, blocks of {state.BlockSize}{(scales.DType == DType.U8 ? ", scales quantised, too" : "")}",
            Parts = parts,
            Tensor = bytes.Tensor(weight.Name, state.Shape),
            Codes = bytes.Codes(CodeSet.Levels)! with { Levels = numbers },
            DType = state.DType,
        };
    }

    private static Elements Scales(PackedTensors tensors, Tensor weight, Tensor scales, State state, long blocks, List<Tensor> parts)
    {
        RequireType(scales, DType.F32, DType.U8);
        RequireShape(scales, $"a weight of shape {state.Shape} has that many blocks of {state.BlockSize}", blocks);
        if (scales.DType == DType.F32)
        {
            return new TensorElements(scales);
        }
        (Tensor outer, Tensor map) = (tensors.Require(weight.Name + ".nested_absmax", weight), tensors.Require(weight.Name + ".nested_quant_map", weight));
        RequireType(outer, DType.F32);
        RequireType(map, DType.F32);
        RequireShape(map, "there are eight bits", 256);
        RequireShape(outer, $"there are {blocks} scales in blocks of {state.NestedBlockSize}", ScaleGrid.Count(blocks, state.NestedBlockSize));
        parts.AddRange([outer, map]);
        float[] numbers = new float[256];
        new TensorElements(map).Read(0, numbers);
        return new NestedScales(scales, numbers, new TensorElements(outer), state.NestedBlockSize, state.NestedOffset);
    }

    // Other storage types than U8 round up to whole elements.
    private static long AsElements(Tensor weight, long bytes) => (bytes + weight.DType.BlockBytes - 1) / weight.DType.BlockBytes * weight.DType.BlockBytes;

    private static string StateName(string start, string kind) => $"{start}quant_state.bitsandbytes__{kind}";

    private static byte First(Tensor tensor)
    {
        Span<byte> first = stackalloc byte[1];
        tensor.Bytes.Read(0, first);
        return first[0];
    }

    /// <summary>Scales that are quantised themselves.</summary>
    private sealed class NestedScales(Tensor scales, float[] numbers, TensorElements outer, long blockSize, float offset) : Elements
    {
        private readonly TensorElements _indexes = new(scales);

        public override void Read(long first, Span<float> values)
        {
            _indexes.Read(first, values);
            long firstBlock = first / blockSize;
            float[] factors = new float[((first + values.Length - 1) / blockSize) - firstBlock + 1];
            outer.Read(firstBlock, factors);
            for (int index = 0; index < values.Length; index++)
            {
                float product = numbers[(int)values[index]] * factors[((first + index) / blockSize) - firstBlock];
                values[index] = product + offset;
            }
        }
    }

    /// <summary>What the JSON beside a weight says.</summary>
    private sealed record State(Shape Shape, DType DType, long BlockSize, long NestedBlockSize, float NestedOffset)
    {
        /// <summary>Reads it.</summary>
        /// <exception cref="WeightFileException"><see cref="Fault.Corrupt"/>: it is none.</exception>
        public static State Read(Tensor stored)
        {
            RequireType(stored, DType.U8);
            if (stored.Bytes.Length > MaxStateBytes)
            {
                throw Broken(stored, $"has {stored.Bytes.Length:N0} bytes, where a few words of JSON should be");
            }
            byte[] text = new byte[stored.Bytes.Length];
            stored.Bytes.Read(0, text);
            try
            {
                using JsonDocument document = JsonDocument.Parse(text);
                JsonElement root = document.RootElement;
                long[] dimensions = [.. root.GetProperty("shape").EnumerateArray().Select(static size => size.GetInt64())];
                DType dtype = root.GetProperty("dtype").GetString() switch
                {
                    "float16" => DType.F16,
                    "bfloat16" => DType.BF16,
                    "float32" => DType.F32,
                    var other => throw Broken(stored, $"names the type {WeightFileException.Quote(other ?? "")}, which is not that of a weight"),
                };
                long blockSize = root.GetProperty("blocksize").GetInt64();
                long nested = root.TryGetProperty("nested_blocksize", out JsonElement size) ? size.GetInt64() : 1;
                float offset = root.TryGetProperty("nested_offset", out JsonElement moved) ? (float)moved.GetDouble() : 0;
                return Shape.TryCreate(dimensions, out Shape shape) && shape.ElementCount > 0 && blockSize > 0 && nested > 0
                    ? new State(shape, dtype, blockSize, nested, offset)
                    : throw Broken(stored, "describes a weight without elements, or blocks without any");
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
            {
                throw Broken(stored, "is not the JSON with shape, dtype and blocksize that bitsandbytes writes");
            }
        }
    }
}
