using System.Runtime.InteropServices;
using Weights.IO;
using Weights.Passes;
using Weights.Passes.Packing;
using Weights.Passes.Quantize;

namespace Weights.Tests.Passes.Packing;

public class ColumnTests
{
    // Sides that neither registers, strips nor tiles divide.
    [Theory]
    [InlineData("int8", "channel", false, ScaleSearching.Absmax, 301, 77)]
    [InlineData("int8", "channel", true, ScaleSearching.Absmax, 64, 4099)]
    [InlineData("fp8", "channel", false, ScaleSearching.Absmax, 1025, 130)]
    [InlineData("int8", "channel", false, ScaleSearching.Mse, 70, 45)]
    [InlineData("int4", "32", true, ScaleSearching.Absmax, 96, 2101)]
    [InlineData("int4", "32", false, ScaleSearching.Mse, 96, 45)]
    public void Columns_become_what_they_become_as_rows(string scheme, string scope, bool isAsymmetric, ScaleSearching search, int inputs, int outputs)
    {
        float[] plain = new float[inputs * outputs];
        float[] turned = new float[plain.Length];
        Random random = new(inputs);
        for (int index = 0; index < plain.Length; index++)
        {
            plain[index] = random.Next(999) == 0 ? float.NaN : random.Next(999) == 0 ? float.PositiveInfinity : random.NextSingle() - 0.4f;
            turned[(index % outputs * inputs) + (index / outputs)] = plain[index];
        }
        Assert.True(PackedScheme.TryParse(scheme, out PackedScheme parsed));
        PackingOptions options = new() { Layout = Qdq(), Scheme = parsed, Scope = ScaleScope.Parse(scope), IsAsymmetric = isAsymmetric, Search = search };
        QuantizedCheckpoint columns = Checkpoint(plain, inputs, outputs, new WeightUse(1, MatrixFactor.Plain)).Pack(options, []);
        QuantizedCheckpoint rows = Checkpoint(turned, outputs, inputs, new WeightUse(0, MatrixFactor.Transposed)).Pack(options, []);
        Assert.Equal(rows.Checkpoint.Tensors.Count, columns.Checkpoint.Tensors.Count);
        foreach (Tensor part in rows.Checkpoint.Tensors)
        {
            float[] expected = Numbers(part);
            Tensor other = columns.Checkpoint.Find(part.Name)!;
            float[] numbers = Numbers(other);
            int across = part.Shape.Rank == 2 ? (int)part.Shape[1] : 1;
            int down = expected.Length / across;
            for (int index = 0; index < expected.Length; index++)
            {
                Assert.Equal(expected[index], numbers[(index % across * down) + (index / across)]);
            }
        }
        Assert.Equal(rows.Tensors[0].Errors!.Statistics!.MaxAbsolute, columns.Tensors[0].Errors!.Statistics!.MaxAbsolute);
        Assert.Equal(rows.Tensors[0].Errors!.Statistics!.RootMeanSquare, columns.Tensors[0].Errors!.Statistics!.RootMeanSquare, 1e-9);
    }

    private static PackedLayout Qdq() => PackedLayout.TryParse("qdq", out PackedLayout layout) ? layout : throw new InvalidOperationException("no such layout");

    private static Checkpoint Checkpoint(float[] numbers, int rows, int columns, WeightUse use)
    {
        Tensor weight = new("layer.weight", DType.F32, new Shape(rows, columns), new MemoryBytes(MemoryMarshal.AsBytes<float>(numbers).ToArray()));
        return new Checkpoint([weight], new Origin("memory", "none", "", 0)) { Graph = new GraphSummary { WeightUses = new Dictionary<string, WeightUse> { [weight.Name] = use } } };
    }

    private static float[] Numbers(Tensor tensor)
    {
        ByteSource source = tensor.DType == DType.F32 ? tensor.Bytes : CastBytes.Create(tensor, DType.F32);
        byte[] bytes = new byte[source.Length];
        source.Read(0, bytes);
        return MemoryMarshal.Cast<byte, float>(bytes).ToArray();
    }
}
