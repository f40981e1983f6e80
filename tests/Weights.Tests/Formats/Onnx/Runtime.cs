using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Weights.Tests.Formats.Onnx;

/// <summary>ONNX Runtime runs a model.</summary>
internal static class Runtime
{
    /// <summary>What a model gives for the same inputs each time: numbers between -1 and 1, and 0 or 1.</summary>
    /// <param name="path">The model.</param>
    /// <param name="isPlain">Whether it is run node by node, as it is.</param>
    public static byte[][] Outputs(string path, bool isPlain = false)
    {
        using SessionOptions options = new() { GraphOptimizationLevel = isPlain ? GraphOptimizationLevel.ORT_DISABLE_ALL : GraphOptimizationLevel.ORT_ENABLE_ALL };
        using InferenceSession session = new(path, options);
        using RunOptions run = new();
        Dictionary<string, OrtValue> inputs = [];
        Random random = new(1);
        foreach ((string name, NodeMetadata metadata) in session.InputMetadata)
        {
            long[] shape = [.. metadata.Dimensions.Select(static size => size < 0 ? 2L : size)];
            int count = checked((int)shape.Aggregate(1L, static (product, size) => product * size));
            inputs[name] = metadata.ElementDataType switch
            {
                TensorElementType.Float => OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)], shape),
                TensorElementType.Int64 => OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, count).Select(_ => random.NextInt64(2))], shape),
                _ => OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, count).Select(_ => random.Next(2) == 1)], shape),
            };
        }
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, inputs, session.OutputNames);
        return [.. outputs.Select(static output => output.GetTensorMutableRawData().ToArray())];
    }

    /// <summary>That outputs of floats differ by no more than a part of the largest.</summary>
    public static void AssertNear(byte[][] expected, byte[][] actual, float part)
    {
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Length, actual.Length);
        foreach ((byte[] first, byte[] second) in expected.Zip(actual))
        {
            float[] numbers = MemoryMarshal.Cast<byte, float>(first).ToArray();
            float[] others = MemoryMarshal.Cast<byte, float>(second).ToArray();
            Assert.NotEmpty(numbers);
            Assert.Equal(numbers.Length, others.Length);
            float most = part * numbers.Max(Math.Abs);
            Assert.True(most > 0);
            Assert.All(numbers.Zip(others), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, most));
        }
    }
}
