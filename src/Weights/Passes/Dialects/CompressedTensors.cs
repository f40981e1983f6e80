using System.Runtime.InteropServices;

namespace Weights.Passes.Dialects;

/// <summary>
/// The formats of compressed-tensors, which llm-compressor writes, for vLLM.
/// <code>
/// pack-quantized   weight_packed I32 [out, in · bits / 32], weight_shape I64 [2]; integers + 2^(bits − 1), from the lowest bit up
///                  weight_zero_point I32 [out · bits / 32, groups], packed along the outputs likewise; weight_g_idx I32 [in]; both optional
/// int-quantized,
/// naive-quantized  weight I8 [out, in], weight_zero_point I8, optional
/// float-quantized  weight F8_E4M3 [out, in]
/// mxfp8-quantized  weight F8_E4M3 [out, in], weight_scale U8 [out, in / 32], powers of two (E8M0)
/// mxfp4-pack-…     weight_packed U8 [out, in / 2], two E2M1, the first in the lower bits; weight_scale U8 [out, in / 32], powers of two
/// nvfp4-pack-…     weight_packed likewise; weight_scale F8_E4M3 [out, in / 16], weight_global_scale F32 [1], by which scales are divided
/// all              weight_scale: one, or a scale for each row, group of columns of a row, or block, by its shape
/// </code>
/// The result is <c>(number − zero point) · scale</c>, all in the type of the scale, which is also the one returned. Scales that are powers of two are BF16; those of
/// NVFP4 are divided as F32, and products are F32 that end as BF16. In a group of columns all have one scale; with <c>weight_g_idx</c>, columns of the same group do.
/// Source: https://github.com/vllm-project/compressed-tensors, <c>quantization/lifecycle/forward_helpers.py</c> and <c>compressors</c>. Where the bits of an integer do not divide 32,
/// versions before 0.15 leave bits of each word unused; the number of words tells which it is. Sparse formats and those of Marlin are refused.
/// </summary>
internal sealed class CompressedTensors : Dialect
{
    public override string Name => "compressed-tensors";

    /// <summary>The sixteen 4-bit floats.</summary>
    public static float[] E2M1 { get; } = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach (Tensor tensor in tensors.Unexplained)
        {
            if (Module(tensor, "weight_packed") is { } packed && tensors.Wants(packed + "weight"))
            {
                yield return tensor.DType == DType.U8 ? Floats(tensors, tensor, packed) : Integers(tensors, tensor, packed);
            }
            else if (Module(tensor, "bitmask") is { } sparse && tensors.Find(sparse + "compressed") is not null && tensors.Wants(sparse.TrimEnd('.')))
            {
                throw Unread(tensor, "is of a sparse format of compressed-tensors, and only its dense ones are read; decompress it with compressed-tensors first");
            }
            else if (IsNaive(tensors, tensor) && tensors.Wants(tensor.Name))
            {
                yield return Naive(tensors, tensor);
            }
        }
    }

    private static string? Module(Tensor tensor, string part) =>
        tensor.Name.EndsWith(part, StringComparison.Ordinal) && (tensor.Name.Length == part.Length || tensor.Name[^(part.Length + 1)] == '.') ? tensor.Name[..^part.Length] : null;

    // Plain numbers with a scale; other dialects have more than that.
    private static bool IsNaive(PackedTensors tensors, Tensor weight) =>
        (weight.DType == DType.I8 || weight.DType == DType.F8E4M3 || weight.DType == DType.F8E5M2) && tensors.Find(weight.Name + "_scale") is not null && tensors.Find(weight.Name + "_scale_inv") is null;

    private PackedWeight Naive(PackedTensors tensors, Tensor weight)
    {
        Tensor scales = tensors.Require(weight.Name + "_scale", weight);
        if (weight.Shape.Rank < 2 || weight.Shape.ElementCount == 0)
        {
            throw Broken(weight, $"has shape {weight.Shape}, where a matrix should be");
        }
        bool isPowers = IsPowers(scales);
        Elements factors = isPowers ? Powers(scales) : new TensorElements(scales);
        ScaleGrid grid = ScaleGrid.Of(scales, weight.Shape, tensors.Config);
        grid = isPowers ? grid.InGroupsOf(32, scales) : grid;
        Tensor? zeroPoints = tensors.Find(weight.Name + "_zero_point");
        if (zeroPoints is not null)
        {
            RequireShape(zeroPoints, "the scales have that", scales.Shape.Dimensions);
        }
        (Tensor? order, Tensor? anyOrder) = Order(tensors, weight.Name + "_g_idx", weight.Shape, grid);
        long columns = weight.Shape[weight.Shape.Rank - 1];
        ScaledBytes bytes = new(isPowers ? DType.BF16 : scales.DType)
        {
            Rows = weight.Shape.ElementCount / columns,
            Columns = columns,
            RowsPerMatrix = weight.Shape[weight.Shape.Rank - 2],
            Numbers = new TensorElements(weight),
            Scales = factors,
            ZeroPoints = zeroPoints is null ? null : new TensorElements(zeroPoints),
            Grid = grid,
            Order = order,
        };
        string format = isPowers ? "mxfp8-quantized" : weight.DType == DType.I8 ? "int-quantized" : "float-quantized";
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"{format}, {weight.DType}, {grid.Description}{Ordered(order)}{(zeroPoints is null ? "" : ", zero points")}",
            Parts = [.. new[] { weight, scales, zeroPoints, anyOrder }.OfType<Tensor>()],
            Tensor = bytes.Tensor(weight.Name, weight.Shape),
            Codes = weight.DType == DType.F8E5M2 || weight.Shape.Rank != 2 ? null : bytes.Codes(weight.DType == DType.I8 ? CodeSet.Integers : CodeSet.E4M3, isPowers ? DType.F8E8M0 : null)! with { Bits = 8 },
            DType = isPowers ? DType.BF16 : scales.DType,
            Assumption = grid.Assumption,
        };
    }

    private PackedWeight Integers(PackedTensors tensors, Tensor words, string module)
    {
        RequireType(words, DType.I32);
        RequireMatrix(words);
        if (tensors.Find(module + "meta") is not null)
        {
            throw Unread(words, "is of the format marlin-24 of compressed-tensors, which is not read; decompress it with compressed-tensors first");
        }
        (Tensor scales, Tensor stored) = (tensors.Require(module + "weight_scale", words), tensors.Require(module + "weight_shape", words));
        RequireScaleType(scales);
        Shape shape = StoredShape(stored, words);
        WordPacking packing = Packing(tensors.Config, words, shape[1]);
        ScaleGrid grid = ScaleGrid.Of(scales, shape, tensors.Config);
        int half = 1 << (packing.Bits - 1);
        Tensor? zeroPoints = tensors.Find(module + "weight_zero_point");
        (Tensor? order, Tensor? anyOrder) = Order(tensors, module + "weight_g_idx", shape, grid);
        ScaledBytes bytes = new(scales.DType)
        {
            Rows = shape[0],
            Columns = shape[1],
            Numbers = new WordElements(words, packing, shape[1], isAlongColumns: false, half),
            Scales = new TensorElements(scales),
            ZeroPoints = zeroPoints is null ? null : ZeroPoints(zeroPoints, scales, packing, grid, half),
            Grid = grid,
            Order = order,
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"pack-quantized, {Bits(packing.Bits)}, {grid.Description}{Ordered(order)}{(zeroPoints is null ? "" : ", zero points")}",
            Parts = [.. new[] { words, scales, stored, zeroPoints, anyOrder }.OfType<Tensor>()],
            Tensor = bytes.Tensor(module + "weight", shape),
            Codes = bytes.Codes(CodeSet.Integers) is { } codes ? codes with { Bits = packing.Bits } : null,
            DType = scales.DType,
        };
    }

    private PackedWeight Floats(PackedTensors tensors, Tensor packed, string module)
    {
        RequireMatrix(packed);
        Tensor scales = tensors.Require(module + "weight_scale", packed);
        Shape shape = new(packed.Shape[0], packed.Shape[1] * 2);
        bool isPowers = IsPowers(scales);
        Tensor? whole = isPowers ? null : tensors.Require(module + "weight_global_scale", packed);
        if (!isPowers)
        {
            RequireType(scales, DType.F8E4M3);
        }
        ScaleGrid grid = ScaleGrid.Of(scales, shape, tensors.Config).InGroupsOf(isPowers ? 32 : 16, scales);
        float divisor = whole is null ? 1 : Single(whole);
        ScaledBytes bytes = new(isPowers ? DType.BF16 : DType.F32)
        {
            Rows = shape[0],
            Columns = shape[1],
            Numbers = new NibbleElements(packed.Bytes, E2M1, isHighFirst: false),
            Scales = isPowers ? Powers(scales) : new ChangedElements(new TensorElements(scales), scale => scale / divisor),
            Grid = grid,
        };
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"{(isPowers ? "mxfp4" : "nvfp4")}-pack-quantized, {grid.Description}",
            Parts = [.. new[] { packed, scales, whole }.OfType<Tensor>()],
            Tensor = bytes.Tensor(module + "weight", shape),
            Codes = bytes.Codes(CodeSet.Levels, isPowers ? DType.F8E8M0 : DType.F8E4M3)! with { Levels = E2M1, Scales = isPowers ? Powers(scales) : new TensorElements(scales), Divisor = divisor },
            DType = DType.BF16,
        };
    }

    /// <summary>The one number of a tensor.</summary>
    public static float Single(Tensor tensor)
    {
        RequireType(tensor, DType.F32, DType.BF16, DType.F16);
        if (tensor.Shape.ElementCount != 1)
        {
            throw Broken(tensor, $"has shape {tensor.Shape}, where one number should be");
        }
        Span<float> number = stackalloc float[1];
        new TensorElements(tensor).Read(0, number);
        return number[0];
    }

    private static string Ordered(Tensor? order) => order is null ? "" : ", columns in the order of their activations";

    private static bool IsPowers(Tensor scales)
    {
        RequireType(scales, DType.F16, DType.BF16, DType.F32, DType.F8E4M3, DType.U8, DType.F8E8M0);
        return scales.DType == DType.U8 || scales.DType == DType.F8E8M0;
    }

    private static TensorElements Powers(Tensor scales) => new(new Tensor(scales.Name, DType.F8E8M0, scales.Shape, scales.Bytes));

    // What the columns belong to; the tensor is a part of the weight even where it says nothing, being −1 throughout.
    private static (Tensor? Order, Tensor? Part) Order(PackedTensors tensors, string name, Shape shape, ScaleGrid grid)
    {
        if (tensors.Find(name) is not { } order)
        {
            return (null, null);
        }
        RequireType(order, DType.I32);
        RequireShape(order, $"there are {shape[shape.Rank - 1]} columns", shape[shape.Rank - 1]);
        if (order.Shape[0] > int.MaxValue / sizeof(int))
        {
            throw Unread(order, $"has {order.Shape[0]} columns, which is more than is read");
        }
        int[] read = new int[order.Shape[0]];
        order.Bytes.Read(0, MemoryMarshal.AsBytes(read.AsSpan()));
        return read.Contains(-1) || ColumnOrder.Contiguous(ColumnOrder.Read(order, grid.Columns), grid.Columns) == grid.BlockColumns ? (null, order) : (order, order);
    }

    private static Shape StoredShape(Tensor stored, Tensor words)
    {
        RequireType(stored, DType.I64, DType.I32);
        if (stored.Shape.ElementCount != 2)
        {
            throw Broken(stored, $"has shape {stored.Shape}, where rows and columns should be");
        }
        byte[] bytes = new byte[stored.Bytes.Length];
        stored.Bytes.Read(0, bytes);
        long[] dimensions = stored.DType == DType.I64 ? MemoryMarshal.Cast<byte, long>(bytes).ToArray() : [.. MemoryMarshal.Cast<byte, int>(bytes).ToArray().Select(static size => (long)size)];
        return dimensions[0] == words.Shape[0] && dimensions[1] > 0 && Shape.TryCreate(dimensions, out Shape shape)
            ? shape
            : throw Broken(stored, $"says that the weight has shape [{dimensions[0]}, {dimensions[1]}], and its words have {words.Shape}");
    }

    // Dense packing is what is written now, and for 1, 2, 4 and 8 bits the only one.
    private static WordPacking Packing(QuantizationConfig config, Tensor words, long columns)
    {
        IEnumerable<WordPacking> all = from isDense in (bool[])[true, false] from bits in Enumerable.Range(1, 8) select new WordPacking(bits, isDense);
        WordPacking[] fitting = [.. all.Where(packing => packing.Words(columns) == words.Shape[1])];
        WordPacking[] said = [.. fitting.Where(packing => config.Bits.Contains(packing.Bits))];
        WordPacking[] possible = said.Length > 0 ? said : fitting;
        if (possible.Length == 0)
        {
            throw Broken(words, $"has shape {words.Shape}, which is not {columns} integers of 1 to 8 bits in a row");
        }
        WordPacking[] dense = [.. possible.Where(packing => packing.IsDense || 32 % packing.Bits == 0).DistinctBy(static packing => packing.Bits)];
        WordPacking[] best = dense.Length > 0 ? dense : possible;
        return best.Length == 1 ? best[0] : throw Broken(words, $"has shape {words.Shape}, which may be {string.Join(" or ", best.Select(static packing => packing.Bits))} bits for {columns} columns; --config names the file that says how many");
    }

    private static Elements ZeroPoints(Tensor zeroPoints, Tensor scales, WordPacking packing, ScaleGrid grid, int half)
    {
        if (zeroPoints.DType != DType.I32)
        {
            RequireType(zeroPoints, DType.I8);
            RequireShape(zeroPoints, "the scales have that", scales.Shape.Dimensions);
            return new TensorElements(zeroPoints);
        }
        if (zeroPoints.Shape == scales.Shape && packing.Words(grid.Rows) != grid.Rows)
        {
            return new TensorElements(zeroPoints);
        }
        RequireShape(zeroPoints, $"the scales have shape {scales.Shape} and zero points {Bits(packing.Bits)}", packing.Words(grid.Rows), grid.Columns);
        return new WordElements(zeroPoints, packing, grid.Columns, isAlongColumns: true, half);
    }
}
