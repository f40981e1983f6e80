using System.Buffers;
using System.Runtime.InteropServices;

namespace Weights.Passes.Dialects;

/// <summary>
/// GPTQ, as AutoGPTQ and GPTQModel write it: 2, 3, 4 or 8 bits.
/// <code>
/// qweight  I32 [in · bits / 32, out]      integers along the columns, from the lowest bit up; of 3 bits, 32 in 3 words
/// qzeros   I32 [groups, out · bits / 32]  zero points along the rows, likewise
/// scales   F16 [groups, out]              or BF16
/// g_idx    I32 [in]                       the group of each input; optional
/// </code>
/// weight[o, i] = scales[g, o] · (qweight[i, o] − zero[g, o]), the product rounded to the type of the scales: what the layer multiplies by without kernels
/// (<c>QuantLinear.forward</c>), which is also the type that it returns. In version 1 (<c>checkpoint_format</c> <c>gptq</c>) a zero point is stored less
/// one, and of 2, 4 and 8 bits what is stored as all ones stands for 0, as AutoGPTQ reads it; of 3 bits it stands for 8, as there, too. Version 2 (<c>gptq_v2</c>) stores
/// it as it is. Source: https://github.com/AutoGPTQ/AutoGPTQ/blob/main/auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py.
/// </summary>
internal sealed class Gptq : Dialect
{
    public override string Name => "GPTQ";

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach ((Tensor words, string module) in tensors.Named("qweight"))
        {
            if (tensors.Wants(module + "weight") && !Awq.Has(tensors, words, module))
            {
                yield return Of(tensors, words, module);
            }
        }
    }

    private PackedWeight Of(PackedTensors tensors, Tensor words, string module)
    {
        (Tensor scales, Tensor zeroPoints) = (tensors.Require(module + "scales", words), tensors.Require(module + "qzeros", words));
        CheckLayout(tensors.Config, words);
        RequireType(words, DType.I32);
        RequireType(zeroPoints, DType.I32);
        RequireScaleType(scales);
        RequireMatrix(words);
        RequireMatrix(scales);
        RequireMatrix(zeroPoints);
        (long groups, long rows) = (scales.Shape[0], scales.Shape[1]);
        if (words.Shape[1] != rows || zeroPoints.Shape[0] != groups)
        {
            throw Broken(words, $"has shape {words.Shape}, which is neither GPTQ's nor AWQ's layout for scales of {scales.Shape} and zero points of {zeroPoints.Shape}");
        }
        int bits = (int)(zeroPoints.Shape[1] * 32 / rows);
        if (bits is not (2 or 3 or 4 or 8) || zeroPoints.Shape[1] * 32 != rows * bits)
        {
            throw Broken(zeroPoints, $"has shape {zeroPoints.Shape}, which is not 2, 3, 4 or 8 bits for each of {rows} columns");
        }
        long columns = words.Shape[0] * 32 / bits;
        if (columns * bits != words.Shape[0] * 32 || columns < groups || columns > int.MaxValue / 32)
        {
            throw Broken(words, $"has shape {words.Shape}, whose columns are no whole number of {bits}-bit integers in {groups} groups");
        }
        (Tensor? order, long groupSize, string? placeholder) = Order(tensors, words, module, columns, groups);
        (int offset, string? assumption) = Version(tensors);
        GptqBytes bytes = new(words, zeroPoints, scales, bits, offset) { Columns = (int)columns, GroupSize = groupSize, Order = order };
        string grouping = order is not null ? $"{(columns % groups == 0 ? $"groups of {columns / groups}" : $"{groups} groups")}, columns in the order of their activations" : groups == 1 ? "one group" : $"groups of {groupSize}";
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"{Bits(bits)}, {grouping}, zero points of version {(offset == 0 ? 2 : 1)}",
            Parts = [.. new[] { words, zeroPoints, scales, tensors.Find(module + "g_idx") }.OfType<Tensor>()],
            Tensor = bytes.Tensor(module + "weight"),
            Codes = bytes.Codes(bits),
            DType = scales.DType,
            Assumption = placeholder ?? assumption,
        };
    }

    // Layouts for one kernel or another.
    private static void CheckLayout(QuantizationConfig config, Tensor words)
    {
        if (config.Method == "gptq" && config.Layout is { } layout && layout is not ("gptq" or "gptq_v2"))
        {
            throw Unread(words, $"is in GPTQ's layout {WeightFileException.Quote(layout)}, as {config.Path} says, and only gptq and gptq_v2 are read");
        }
    }

    private static (Tensor? Order, long GroupSize, string? Assumption) Order(PackedTensors tensors, Tensor words, string module, long columns, long groups)
    {
        if (tensors.Find(module + "g_idx") is not { } order)
        {
            return (null, InOrder(tensors.Config, words, columns, groups), null);
        }
        RequireType(order, DType.I32);
        RequireShape(order, $"there are {columns} columns", columns);
        int[] read = ColumnOrder.Read(order, groups);
        if (groups > 1 && !read.AsSpan().ContainsAnyExcept(0))
        {
            return (null, InOrder(tensors.Config, words, columns, groups), "g_idx is all zeros, as if nobody had filled it in: columns are taken to be in order");
        }
        return ColumnOrder.Contiguous(read, groups) is { } size ? (null, size, null) : (order, 0, null);
    }

    private static long InOrder(QuantizationConfig config, Tensor words, long columns, long groups)
    {
        if (config.GroupSize is { } size && ScaleGrid.Count(columns, size) == groups)
        {
            return size;
        }
        return columns % groups == 0 ? columns / groups : throw Broken(words, $"has {columns} columns in {groups} groups, which are not equally many each; --config names the file that says how many");
    }

    private static (int Offset, string? Assumption) Version(PackedTensors tensors)
    {
        string? layout = (tensors.Config.Method is null or "gptq" ? tensors.Config.Layout : null) ?? (tensors.Checkpoint.Metadata["gptq_checkpoint_format"] as MetadataValue.Text)?.Value;
        return layout switch
        {
            "gptq_v2" => (0, null),
            "gptq" => (1, null),
            _ => (1, "nothing says whether zero points are stored as they are (gptq_v2) or less one (gptq): taken as less one, as nearly all files have them; --config names a file whose checkpoint_format says it"),
        };
    }

    private sealed class GptqBytes(Tensor words, Tensor zeroPoints, Tensor scales, int bits, int offset) : ColumnBytes(scales)
    {
        private readonly WordPacking _packing = new(bits, IsDense: true);
        private readonly WordElements _zeroPoints = new(zeroPoints, new WordPacking(bits, IsDense: true), scales.Shape[1], isAlongColumns: false, zero: 0);

        public override bool ReadsForward => words.Bytes.ReadsForward;

        protected override void ReadIntegers(int column, int columns, int row, int rows, Span<byte> integers, int pitch)
        {
            int first = (int)_packing.FirstWord(column);
            int count = (int)_packing.EndWord(column + columns) - first;
            uint[] read = ArrayPool<uint>.Shared.Rent(count * rows);
            try
            {
                for (int word = 0; word < count; word++)
                {
                    words.Bytes.Read((((long)(first + word) * Rows) + row) * sizeof(uint), MemoryMarshal.AsBytes(read.AsSpan(word * rows, rows)));
                }
                for (int index = 0; index < columns; index++)
                {
                    (long word, int shift) = _packing.Place(column + index);
                    ReadOnlySpan<uint> lower = read.AsSpan((int)(word - first) * rows, rows);
                    // The last word of a column has no number that goes on in another.
                    ReadOnlySpan<uint> upper = shift + bits > 32 ? read.AsSpan((int)(word + 1 - first) * rows, rows) : lower;
                    _packing.Extract(lower, upper, shift, integers.Slice(index * pitch, rows));
                }
            }
            finally
            {
                ArrayPool<uint>.Shared.Return(read);
            }
        }

        protected override void ReadZeroPoints(int group, int row, Span<float> zeroPoints)
        {
            _zeroPoints.Read(((long)group * Rows) + row, zeroPoints);
            if (offset == 0)
            {
                return;
            }
            int wraps = bits == 3 ? 16 : 1 << bits;
            foreach (ref float zeroPoint in zeroPoints)
            {
                zeroPoint = ((int)zeroPoint + offset) % wraps;
            }
        }
    }
}
