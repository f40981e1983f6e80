using System.Diagnostics;
using System.Runtime.InteropServices;
using Weights;
using Weights.DTypes;
using Weights.IO;
using Weights.Passes.Dialects;

// Decoding of what dialects pack, on one thread and 16 Mi numbers, read in chunks as they are for a file, next to a copy in memory of as many floats.
//
//     dotnet run -c Release --project tools/benchmark-quantized -- --dialects [PART OF A NAME ...]
//
// Decoding and copying take turns; printed are the medians in GB of floats a second, of which the dialect's own type may be half as large.
internal static class Dialects
{
    private const int Rows = 4096;
    private const int Columns = 4096;
    private const long Numbers = (long)Rows * Columns;
    private const int Rounds = 9;
    private const double FloatGigabytes = 4 * Numbers / 1e9;

    private static readonly Random s_random = new(1);

    private static readonly (string Name, Func<Checkpoint> Make)[] s_all =
    [
        ("GPTQ 2 bits", () => Gptq(2)),
        ("GPTQ 3 bits", () => Gptq(3)),
        ("GPTQ 4 bits", () => Gptq(4)),
        ("GPTQ 8 bits", () => Gptq(8)),
        ("GPTQ 4 bits, reordered", () => Gptq(4, Bytes("l.g_idx", DType.I32, MemoryMarshal.AsBytes(Shuffled(Columns, 128).AsSpan()), Columns))),
        ("AWQ", () => Of(Noise("l.qweight", DType.I32, Columns, Rows / 8), Noise("l.qzeros", DType.I32, Columns / 128, Rows / 8), Scales("l.scales", DType.F16, Columns / 128, Rows))),
        ("compressed-tensors 3 bits", () => Words(3)),
        ("compressed-tensors 4 bits", () => Words(4)),
        ("compressed-tensors 8 bits", () => Words(8)),
        ("compressed-tensors 4 bits, zero points", () => Words(4, Noise("l.weight_zero_point", DType.I32, Rows / 8, Columns / 128))),
        ("compressed-tensors I8", () => Of(Noise("l.weight", DType.I8, Rows, Columns), Scales("l.weight_scale", DType.BF16, Rows, 1))),
        ("compressed-tensors F8_E4M3", () => Of(Noise("l.weight", DType.F8E4M3, Rows, Columns), Scales("l.weight_scale", DType.BF16, Rows, 1))),
        ("compressed-tensors MXFP4", () => Of(Noise("l.weight_packed", DType.U8, Rows, Columns / 2), Bytes("l.weight_scale", DType.U8, Filled(Rows * Columns / 32, 120), Rows, Columns / 32))),
        ("compressed-tensors NVFP4", () => Of(Noise("l.weight_packed", DType.U8, Rows, Columns / 2), Bytes("l.weight_scale", DType.F8E4M3, Filled(Rows * Columns / 16, 60), Rows, Columns / 16), Scales("l.weight_global_scale", DType.F32, 1))),
        ("bitsandbytes NF4", () => Of(FourBits(Scales("l.weight.absmax", DType.F32, Numbers / 64)))),
        ("bitsandbytes NF4, nested", () => Of(FourBits(Noise("l.weight.absmax", DType.U8, Numbers / 64), Scales("l.weight.nested_absmax", DType.F32, Numbers / 64 / 256), Scales("l.weight.nested_quant_map", DType.F32, 256)))),
        ("bitsandbytes LLM.int8()", () => Of(Noise("l.weight", DType.I8, Rows, Columns), Scales("l.SCB", DType.F32, Rows))),
        ("block FP8", () => Of(Noise("l.weight", DType.F8E4M3, Rows, Columns), Scales("l.weight_scale_inv", DType.F32, Rows / 128, Columns / 128))),
        ("QDQ I8, channels", () => Linear(DType.I8, axis: 0)),
        ("QDQ U8, columns", () => Linear(DType.U8, axis: 1)),
        ("QDQ I4, blocks of 32", () => Linear(DType.I4, axis: 1, blockSize: 32)),
        ("QDQ I4, blocks of 32 down", () => Linear(DType.I4, axis: 0, blockSize: 32)),
        ("MatMulNBits 2 bits", () => Product(2)),
        ("MatMulNBits 4 bits", () => Product(4)),
        ("MatMulNBits 8 bits", () => Product(8)),
    ];

    public static void Measure(IReadOnlyCollection<string> names)
    {
        float[] from = new float[Numbers];
        float[] to = new float[Numbers];
        byte[] buffer = new byte[ByteSource.ChunkBytes];
        Array.Fill(from, 1);
        Console.WriteLine($"{"",40} {"type",5} {"decode",7} {"copy",7} {"ratio",6}");
        foreach ((string name, Func<Checkpoint> make) in s_all.Where(one => names.Count == 0 || names.Any(part => one.Name.Contains(part, StringComparison.OrdinalIgnoreCase))))
        {
            using Checkpoint packed = make();
            Tensor tensor = packed.Dequantize(new DequantizationOptions(), []).Weights.Single().Packed.Tensor;
            List<double> decoding = [];
            List<double> copying = [];
            for (int round = 0; round <= Rounds; round++)
            {
                decoding.Add(Rate(() => tensor.Bytes.ReadChunks(buffer, static (_, _) => { })));
                copying.Add(Rate(() => from.CopyTo(to, 0)));
            }
            // The first round warms up.
            (double decoded, double copied) = (Median(decoding[1..]), Median(copying[1..]));
            Console.WriteLine($"{name,40} {tensor.DType,5} {decoded,7:F2} {copied,7:F2} {decoded / copied,6:F2}");
        }
    }

    private static double Rate(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return FloatGigabytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }

    private static Checkpoint Gptq(int bits, params Tensor[] order) =>
        Of([Noise("l.qweight", DType.I32, Columns * bits / 32, Rows), Noise("l.qzeros", DType.I32, Columns / 128, Rows * bits / 32), Scales("l.scales", DType.F16, Columns / 128, Rows), .. order]);

    private static Checkpoint Words(int bits, params Tensor[] zeroPoints) => Of(
        [
            Noise("l.weight_packed", DType.I32, Rows, Columns * bits / 32),
            Scales("l.weight_scale", DType.BF16, Rows, Columns / 128),
            Bytes("l.weight_shape", DType.I64, MemoryMarshal.AsBytes<long>([Rows, Columns]), 2),
            .. zeroPoints,
        ]);

    private static Tensor[] FourBits(params Tensor[] scales)
    {
        byte[] state = [.. $$"""{"shape": [{{Rows}}, {{Columns}}], "dtype": "bfloat16", "blocksize": 64, "nested_blocksize": 256, "nested_offset": 0.1}""".Select(static letter => (byte)letter)];
        return [Noise("l.weight", DType.U8, Numbers / 2, 1), Scales("l.weight.quant_map", DType.F32, 16), Bytes("l.weight.quant_state.bitsandbytes__nf4", DType.U8, state, state.Length), .. scales];
    }

    private static Checkpoint Linear(DType numbers, int axis, int blockSize = 0)
    {
        long[] grid = blockSize == 0 ? [axis == 0 ? Rows : Columns] : axis == 0 ? [Rows / blockSize, Columns] : [Rows, Columns / blockSize];
        return Of(Noise("n", numbers, Rows, Columns), Scales("s", DType.F32, grid), Noise("z", numbers, grid)).WithQuantizedValues(
            [new() { Name = "w", Kind = QuantizedValueKind.Linear, Numbers = "n", Scales = "s", ZeroPoints = "z", Shape = new Shape(Rows, Columns), DType = DType.F32, Axis = axis, BlockSize = blockSize }]);
    }

    private static Checkpoint Product(int bits) =>
        Of(Noise("n", DType.U8, Columns, Rows / 32, 4 * bits), Scales("s", DType.F32, Columns, Rows / 32), Noise("z", DType.U8, Columns, Rows / 32 * bits / 8)).WithQuantizedValues(
            [new() { Name = "w", Kind = QuantizedValueKind.BlockMatrix, Numbers = "n", Scales = "s", ZeroPoints = "z", Shape = new Shape(Rows, Columns), DType = DType.F32, BlockSize = 32, Bits = bits }]);

    private static Checkpoint Of(params Tensor[] tensors) => new(tensors, new Origin("", "", "", 0));

    private static Tensor Noise(string name, DType dtype, params ReadOnlySpan<long> shape)
    {
        byte[] bytes = new byte[dtype.ByteCount(new Shape(shape)) ?? 0];
        s_random.NextBytes(bytes);
        return Bytes(name, dtype, bytes, shape);
    }

    // Numbers from ½ to 1.
    private static Tensor Scales(string name, DType dtype, params ReadOnlySpan<long> shape)
    {
        float[] numbers = [.. Enumerable.Range(0, (int)new Shape(shape).ElementCount).Select(static _ => 0.5f + (s_random.NextSingle() / 2))];
        byte[] bytes = new byte[numbers.Length * dtype.BlockBytes];
        Conversion.Between(DType.F32, dtype)(MemoryMarshal.AsBytes(numbers.AsSpan()), bytes);
        return Bytes(name, dtype, bytes, shape);
    }

    private static Tensor Bytes(string name, DType dtype, ReadOnlySpan<byte> bytes, params ReadOnlySpan<long> shape) => new(name, dtype, new Shape(shape), new MemoryBytes(bytes.ToArray()));

    private static byte[] Filled(int count, byte value)
    {
        byte[] bytes = new byte[count];
        Array.Fill(bytes, value);
        return bytes;
    }

    private static int[] Shuffled(int count, int size)
    {
        int[] groups = [.. Enumerable.Range(0, count).Select(column => column / size)];
        s_random.Shuffle(groups);
        return groups;
    }
}
