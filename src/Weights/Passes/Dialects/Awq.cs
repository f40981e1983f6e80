using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weights.Passes.Dialects;

/// <summary>
/// AWQ in the layout of its GEMM kernel, as AutoAWQ writes it: 4 bits.
/// <code>
/// qweight  I32 [in, out / 8]      eight integers along the rows: in order of their bits, those of the outputs 0 2 4 6 1 3 5 7
/// qzeros   I32 [groups, out / 8]  zero points, likewise
/// scales   F16 [groups, out]
/// </code>
/// weight[o, i] = (qweight[i, o] − zero[g, o]) · scales[g, o], the product rounded to the type of the scales, which is also the type that the reference returns.
/// Source: <c>dequantize_gemm</c> in https://github.com/casper-hansen/AutoAWQ/blob/main/awq/utils/packing_utils.py. The layouts of its other kernels (GEMV: I32 [out, in / 8];
/// GEMV fast: I16) are refused.
/// </summary>
internal sealed class Awq : Dialect
{
    private const int PerWord = 8;
    private const int Bits4 = 4;

    // Where the bits of each of eight outputs begin in a word.
    private static ReadOnlySpan<byte> Shifts => [0, 16, 4, 20, 8, 24, 12, 28];

    public override string Name => "AWQ";

    /// <summary>Whether those words are AWQ's, of whichever kernel, and not GPTQ's, which are called the same.</summary>
    public static bool Has(PackedTensors tensors, Tensor words, string module)
    {
        if (tensors.Find(module + "scales") is not { Shape.Rank: 2 } scales || words.Shape.Rank != 2)
        {
            return false;
        }
        return words.Shape[1] * PerWord == scales.Shape[1] || IsForOtherKernel(tensors, words, module, scales);
    }

    internal override IEnumerable<PackedWeight> Find(PackedTensors tensors)
    {
        foreach ((Tensor words, string module) in tensors.Named("qweight"))
        {
            if (tensors.Wants(module + "weight") && Has(tensors, words, module))
            {
                yield return Of(tensors, words, module);
            }
        }
    }

    private PackedWeight Of(PackedTensors tensors, Tensor words, string module)
    {
        (Tensor scales, Tensor zeroPoints) = (tensors.Require(module + "scales", words), tensors.Require(module + "qzeros", words));
        if (IsForOtherKernel(tensors, words, module, scales))
        {
            throw Unread(words, "is in the layout of AWQ's GEMV kernels, and only that of its GEMM kernel is read; convert it with AutoAWQ first");
        }
        RequireType(words, DType.I32);
        RequireType(zeroPoints, DType.I32);
        RequireScaleType(scales);
        RequireMatrix(words);
        RequireMatrix(scales);
        RequireMatrix(zeroPoints);
        (long groups, long columns) = (scales.Shape[0], words.Shape[0]);
        RequireShape(zeroPoints, $"the scales have shape {scales.Shape}", groups, words.Shape[1]);
        if (columns % groups != 0)
        {
            throw Broken(scales, $"has shape {scales.Shape}, and {columns} columns are not that many groups");
        }
        AwqBytes bytes = new(words, zeroPoints, scales) { Columns = (int)columns, GroupSize = columns / groups };
        return new PackedWeight
        {
            Dialect = Name,
            Description = $"4 bits, {(groups == 1 ? "one group" : $"groups of {columns / groups}")}, in the layout of the GEMM kernel",
            Parts = [words, zeroPoints, scales],
            Tensor = bytes.Tensor(module + "weight"),
            Codes = bytes.Codes(Bits4),
            DType = scales.DType,
        };
    }

    private static bool IsForOtherKernel(PackedTensors tensors, Tensor words, string module, Tensor scales) =>
        words.DType == DType.I16
        || (tensors.Config.Layout?.StartsWith("gemv", StringComparison.OrdinalIgnoreCase) ?? false)
        || (words.Shape[0] == scales.Shape[0] && words.Shape[1] != scales.Shape[1] && tensors.Find(module + "qzeros") is { Shape.Rank: 2 } zeroPoints && zeroPoints.Shape[0] == words.Shape[0]);

    private sealed class AwqBytes(Tensor words, Tensor zeroPoints, Tensor scales) : ColumnBytes(scales)
    {
        public override bool ReadsForward => words.Bytes.ReadsForward;

        protected override void ReadIntegers(int column, int columns, int row, int rows, Span<byte> integers, int pitch)
        {
            for (int index = 0; index < columns; index++)
            {
                Unpack(words, column + index, row, integers.Slice(index * pitch, rows));
            }
        }

        protected override void ReadZeroPoints(int group, int row, Span<float> values)
        {
            Span<byte> integers = stackalloc byte[values.Length];
            Unpack(zeroPoints, group, row, integers);
            for (int index = 0; index < integers.Length; index++)
            {
                values[index] = integers[index];
            }
        }

        private static Vector128<byte> Nibbles(Vector128<ushort> bytes) => ((bytes | (bytes << 4)) & Vector128.Create((ushort)0x0F0F)).AsByte();

        // Integers of some outputs, next to each other.
        private static void Unpack(Tensor words, long line, int row, Span<byte> integers)
        {
            int first = row / PerWord;
            int count = ((row + integers.Length - 1) / PerWord) + 1 - first;
            Span<uint> read = stackalloc uint[count];
            words.Bytes.Read(((line * words.Shape[1]) + first) * sizeof(uint), MemoryMarshal.AsBytes(read));
            int place = row - (first * PerWord);
            int index = 0;
            if (place == 0 && Vector128.IsHardwareAccelerated)
            {
                // A byte for each nibble, and those in the places that their outputs have.
                Vector128<byte> order = Vector128.Create((byte)0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
                for (; index + 32 <= integers.Length; index += 32)
                {
                    Vector128<byte> four = Vector128.Create<uint>(read.Slice(index / PerWord, 4)).AsByte();
                    Vector128.Shuffle(Nibbles(Vector128.WidenLower(four)), order).CopyTo(integers[index..]);
                    Vector128.Shuffle(Nibbles(Vector128.WidenUpper(four)), order).CopyTo(integers[(index + 16)..]);
                }
                place = index;
            }
            for (; index < integers.Length; index++, place++)
            {
                integers[index] = (byte)((read[place / PerWord] >> Shifts[place % PerWord]) & 15);
            }
        }
    }
}
