using System.Diagnostics;
using System.Runtime.InteropServices;
using Weights.DTypes.Quantized;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;
using Weights.Tests.DTypes.Quantized;

namespace Weights.Benchmark;

/// <summary>
/// Packing of weights as libraries' layouts have them against <c>ggml_quantize_chunk</c> of the type that is nearest. Ours is what a writer does: the bytes of all parts are read in order,
/// and measured how far the numbers moved, which ggml does not do. The word <c>packed</c> selects all of it, part of a case's name those that have it.
/// </summary>
internal static class Packed
{
    private const int ChunkBytes = 1 << 20;

    // Where ggml has no type of the same idea: one of as many bits. With importances where it searches for scales then.
    private static readonly (string Name, string Type, bool IsSearched)[] s_cases =
    [
        ("compressed-tensors int4 128", "Q4_0", false),
        ("compressed-tensors int4 32", "Q4_0", false),
        ("compressed-tensors int4 channel", "Q4_0", false),
        ("compressed-tensors int4 128 asymmetric", "Q4_1", false),
        ("compressed-tensors int4 32 asymmetric", "Q4_1", false),
        ("compressed-tensors int4 128 mse", "Q4_0", true),
        ("compressed-tensors int4 32 mse", "Q4_0", true),
        ("compressed-tensors int4 128 asymmetric mse", "Q4_1", true),
        ("compressed-tensors int8 channel", "Q8_0", false),
        ("compressed-tensors int8 tensor", "Q8_0", false),
        ("compressed-tensors int8 128", "Q8_0", false),
        ("compressed-tensors int8 128 asymmetric", "Q8_0", false),
        ("compressed-tensors int8 channel mse", "Q4_0", true),
        ("compressed-tensors fp8 channel", "Q8_0", false),
        ("compressed-tensors fp8 tensor", "Q8_0", false),
        ("compressed-tensors nvfp4 16", "NVFP4", false),
        ("compressed-tensors mxfp4 32", "MXFP4", false),
        ("compressed-tensors mxfp8 32", "Q8_0", false),
        ("bitsandbytes nf4 64", "Q4_0", false),
        ("bitsandbytes nf4 64", "IQ4_NL", false),
        ("bitsandbytes fp4 64", "Q4_0", false),
        ("bitsandbytes int8 channel", "Q8_0", false),
        ("qdq int4 32 plain", "Q4_0", false),
        ("qdq int4 32 plain asymmetric", "Q4_1", false),
        ("qdq int4 32 plain mse", "Q4_0", true),
        ("qdq int4 32 transposed", "Q4_0", false),
        ("qdq int8 channel plain", "Q8_0", false),
        ("qdq int8 channel plain asymmetric", "Q8_0", false),
        ("qdq int8 channel transposed", "Q8_0", false),
        ("qdq int8 tensor plain", "Q8_0", false),
        ("qdq fp8 channel plain", "Q8_0", false),
        ("qdq fp8 channel transposed", "Q8_0", false),
        ("matmulnbits int4 32 plain", "Q4_0", false),
        ("matmulnbits int4 32 plain asymmetric", "Q4_1", false),
        ("matmulnbits int4 32 plain mse", "Q4_0", true),
        ("matmulnbits int4 32 transposed", "Q4_0", false),
        ("matmulnbits int8 32 plain", "Q8_0", false),
        ("matmulnbits int8 32 transposed", "Q8_0", false),
    ];

    /// <summary>Measures the cases that are asked for.</summary>
    /// <param name="matrix">Normal floats.</param>
    /// <param name="importances">A weight for each column.</param>
    /// <param name="rounds">How often both sides take turns, at least.</param>
    /// <param name="names">What is asked for; all where nothing is.</param>
    public static void Measure(float[] matrix, float[] importances, int rounds, List<string> names)
    {
        foreach ((string name, string type, bool isSearched) in s_cases.Where(known => names.Count == 0 || names.Contains("packed") || names.Exists(asked => known.Name.Contains(asked, StringComparison.Ordinal))))
        {
            QuantizedDType dtype = DType.All.OfType<QuantizedDType>().Single(dtype => dtype.Name == type);
            byte[] blocks = new byte[matrix.Length / dtype.BlockLength * dtype.BlockBytes];
            byte[] chunk = new byte[ChunkBytes];
            using Checkpoint checkpoint = Checkpoint(matrix, importances.Length, name);
            string rates = Compare(matrix.Length, rounds, () => Pack(checkpoint, name, chunk), () => Ggml.Quantize(dtype, matrix, importances.Length, isSearched ? importances : [], blocks));
            Console.WriteLine($"{name,-44} {type + (isSearched ? ", importances" : ""),-20} {rates,24}");
        }
    }

    private static Checkpoint Checkpoint(float[] matrix, int columns, string name)
    {
        Tensor weight = new("layer.weight", DType.F32, new Shape(matrix.Length / columns, columns), new MemoryBytes(MemoryMarshal.AsBytes<float>(matrix).ToArray()));
        WeightUse use = name.Contains("plain", StringComparison.Ordinal) ? new(1, MatrixFactor.Plain) : new(0, MatrixFactor.Transposed);
        bool isOfGraph = name.StartsWith("qdq", StringComparison.Ordinal) || name.StartsWith("matmulnbits", StringComparison.Ordinal);
        GraphSummary? graph = isOfGraph ? new GraphSummary { WeightUses = new Dictionary<string, WeightUse> { [weight.Name] = use } } : null;
        return new Checkpoint([weight], new Origin("memory", "none", "", 0)) { Graph = graph };
    }

    private static void Pack(Checkpoint checkpoint, string name, byte[] chunk)
    {
        string[] words = name.Split(' ');
        if (!PackedLayout.TryParse(words[0], out PackedLayout layout) || !PackedScheme.TryParse(words[1], out PackedScheme scheme))
        {
            throw new InvalidOperationException($"{name}: no such layout or scheme");
        }
        PackingOptions options = new()
        {
            Layout = layout,
            Scheme = scheme,
            Scope = ScaleScope.Parse(words[2]),
            IsAsymmetric = words.Contains("asymmetric"),
            Search = words.Contains("mse") ? ScaleSearching.Mse : ScaleSearching.Absmax,
        };
        QuantizedCheckpoint packed = checkpoint.Pack(options, []);
        foreach (Tensor part in packed.Checkpoint.Tensors)
        {
            for (long start = 0; start < part.Bytes.Length; start += chunk.Length)
            {
                part.Bytes.Read(start, chunk.AsSpan(0, (int)Math.Min(chunk.Length, part.Bytes.Length - start)));
            }
        }
        if (packed.Tensors[0].Errors?.Statistics is not { } statistics || statistics.Count != checkpoint.Tensors[0].Shape.ElementCount)
        {
            throw new InvalidOperationException($"{name}: not packed, or not measured");
        }
    }

    private static string Compare(int numbers, int rounds, Action ours, Action theirs)
    {
        List<double> our = [];
        List<double> their = [];
        // The first round warms up. Fast ones are measured more often, for a second: others may be using the machine.
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round <= rounds || Stopwatch.GetElapsedTime(start).TotalSeconds < 1; round++)
        {
            our.Add(Rate(numbers, ours));
            their.Add(Rate(numbers, theirs));
        }
        (double ourMedian, double theirMedian) = (Median(our[1..]), Median(their[1..]));
        return $"{ourMedian:F0} : {theirMedian:F0} = {ourMedian / theirMedian:F2}";
    }

    private static double Rate(int numbers, Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return numbers / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e6;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }
}
