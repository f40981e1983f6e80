using System.Diagnostics;
using Weights;
using Weights.DTypes.Quantized;
using Weights.Tests.DTypes.Quantized;

// Encoding and decoding of quantised types against ggml's (its portable build), on one thread and the same 16 MiB of normal floats.
//
//     dotnet run -c Release --project tools/benchmark-quantized [-- [--rounds N] TYPE ... | [--rounds N] packed | [--rounds N] PART-OF-A-CASE ... | --dialects [PART-OF-A-NAME ...]]
//
// Ours and ggml's take turns; printed are the medians in millions of numbers a second, and their ratio (above 1: ours is faster).
if (args is ["--dialects", .. string[] dialects])
{
    Dialects.Measure(dialects);
    return;
}
const int Columns = 4096;
const int Numbers = 4 << 20;
List<string> names = [.. args];
int option = names.IndexOf("--rounds");
int rounds = option >= 0 ? int.Parse(names[option + 1]) : 5;
if (option >= 0)
{
    names.RemoveRange(option, 2);
}
Random random = new(1);
float[] matrix = new float[Numbers];
float[] importances = new float[Columns];
float[] values = new float[Numbers];
for (int index = 0; index < matrix.Length; index++)
{
    matrix[index] = (float)(0.02 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
for (int index = 0; index < importances.Length; index++)
{
    importances[index] = (float)Math.Exp((4 * random.NextDouble()) - 2);
}
Console.WriteLine($"{"",8} {"encode",24} {"with importances",30} {"decode",30}");
foreach (QuantizedDType dtype in DType.All.OfType<QuantizedDType>().Where(dtype => names.Count == 0 || names.Contains(dtype.Name)))
{
    Measure(dtype);
}
Weights.Benchmark.Packed.Measure(matrix, importances, rounds, names);

void Measure(QuantizedDType dtype)
{
    byte[] blocks = new byte[Numbers / dtype.BlockLength * dtype.BlockBytes];
    string encoding = dtype.Importances == Importances.Required ? "" : Compare(dtype, blocks, () => Encode(dtype, [], blocks), () => Ggml.Quantize(dtype, matrix, Columns, [], blocks));
    string weighted = dtype.Importances == Importances.Unused ? "" : Compare(dtype, blocks, () => Encode(dtype, importances, blocks), () => Ggml.Quantize(dtype, matrix, Columns, importances, blocks));
    string decoding = dtype.Name == "Q8_1" ? "" : Compare(dtype, values, () => dtype.DecodeFloats(blocks, values), () => Ggml.Dequantize(dtype, blocks, values));
    Console.WriteLine($"{dtype.Name,8} {encoding,24} {weighted,30} {decoding,30}");
}

void Encode(QuantizedDType dtype, float[] importances, byte[] blocks)
{
    int rowBytes = Columns / dtype.BlockLength * dtype.BlockBytes;
    for (int row = 0; row < Numbers / Columns; row++)
    {
        dtype.EncodeRow(matrix.AsSpan(row * Columns, Columns), importances, blocks.AsSpan(row * rowBytes, rowBytes));
    }
}

// Both write to the same place: where in memory it lies makes a difference.
string Compare<T>(DType dtype, T[] target, Action ours, Action theirs)
    where T : IEquatable<T>
{
    List<double> our = [];
    List<double> their = [];
    // Fast ones are measured more often, for a second: others may be using the machine.
    long start = Stopwatch.GetTimestamp();
    for (int round = 0; round <= rounds || Stopwatch.GetElapsedTime(start).TotalSeconds < 1; round++)
    {
        our.Add(Rate(ours));
        T[] first = round == 0 ? [.. target] : [];
        their.Add(Rate(theirs));
        if (round == 0 && !first.AsSpan().SequenceEqual(target))
        {
            throw new InvalidOperationException($"{dtype}: not what ggml makes of it");
        }
    }
    // The first round warms up.
    (double ourMedian, double theirMedian) = (Median(our[1..]), Median(their[1..]));
    return $"{ourMedian:F0} : {theirMedian:F0} = {ourMedian / theirMedian:F2}";
}

static double Rate(Action action)
{
    long start = Stopwatch.GetTimestamp();
    action();
    return Numbers / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e6;
}

static double Median(List<double> values)
{
    values.Sort();
    return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
}
