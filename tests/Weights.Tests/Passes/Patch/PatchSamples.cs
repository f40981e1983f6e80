using System.Runtime.InteropServices;
using Weights.IO;
using Weights.Passes.Checksums;
using Weights.Passes.Patch;

namespace Weights.Tests.Passes.Patch;

/// <summary>A checkpoint and what became of it, in every way that a patch tells apart.</summary>
internal static class PatchSamples
{
    private const int Large = (5 << 18) + 12; // Five quarters of a mebibyte in F32 come to five frames and a bit.

    public static Checkpoint Base(int large = Large) => new(
        [
            Floats("frozen", 1, 40), Floats("trained", 2, large), Floats("sparse", 3, large), Floats("model.layers.0.weight", 4, 60),
            Floats("old.name", 5, 50), Floats("recast", 6, 8), Floats("gone", 7, 4), Packed("packed", 8, 100), Floats("embed", 9, 300),
        ],
        new Origin("base", "memory", "", 0));

    public static Checkpoint Target(int large = Large)
    {
        Tensor tied = Moved(Floats("embed", 9, 300), 1);
        return new Checkpoint(
            [
                Floats("sparse", 3, large, static index => index % 1000 == 0 ? 1 : 0),
                Floats("new", 20, large),
                Floats("frozen", 1, 40),
                Moved(Floats("trained", 2, large), 1),
                Moved(Floats("layers.0.weight", 4, 60), 1),
                Floats("old.name", 5, 50).Rename("new.name"),
                new Tensor("reshaped", DType.F32, new Shape(4, 10), Floats("frozen", 1, 40).Bytes),
                new Tensor("recast", DType.F16, new Shape(8), new MemoryBytes(Noise(30, 16))),
                Packed("packed", 31, 100),
                tied,
                tied.Rename("head"),
                new Tensor("empty", DType.F32, new Shape(0, 3), new MemoryBytes(ReadOnlyMemory<byte>.Empty)),
                new Tensor("scalar", DType.F64, new Shape(), new MemoryBytes(Noise(32, 8))),
            ],
            new Origin("target", "memory", "", 0, "pt"))
        {
            Aliases = [new Alias("head", "embed", AliasKind.Same)],
            Metadata = new MetadataValue.Map(
            [
                new("text", new MetadataValue.Text("ключ \U0001F642")),
                new("whole", new MetadataValue.Integer(long.MinValue)),
                new("real", new MetadataValue.Real(double.NaN)),
                new("list", new MetadataValue.List([new MetadataValue.Bool(true), new MetadataValue.Bool(false), MetadataValue.Null.Value, new MetadataValue.Map([new("deep", new MetadataValue.Real(-0.0))])])),
            ]),
        };
    }

    public static byte[] Make(Checkpoint from, Checkpoint to)
    {
        using MemoryStream stream = new();
        PatchWriter.Write(Digests(from), to, Digests(to), stream);
        return stream.ToArray();
    }

    public static PatchFile Open(byte[] patch) => PatchFile.Read(new MemoryInput("x.wpatch", patch));

    public static Checksum Digests(Checkpoint checkpoint) => Checksum.Of(checkpoint, DigestAlgorithm.Sha256);

    public static Tensor Floats(string name, int seed, int count, Func<int, float>? change = null)
    {
        Random random = new(seed);
        float[] numbers = new float[count];
        for (int index = 0; index < count; index++)
        {
            numbers[index] = ((random.NextSingle() + random.NextSingle()) - 1) * 0.05f;
            numbers[index] += change?.Invoke(index) ?? 0;
        }
        return new Tensor(name, DType.F32, new Shape(count), new MemoryBytes(MemoryMarshal.AsBytes(numbers.AsSpan()).ToArray()));
    }

    private static Tensor Moved(Tensor tensor, int seed)
    {
        Random random = new(seed);
        byte[] bytes = tensor.Bytes.AllBytes();
        foreach (ref float number in MemoryMarshal.Cast<byte, float>(bytes.AsSpan()))
        {
            number += (random.NextSingle() - 0.5f) * 1e-5f;
        }
        return new Tensor(tensor.Name, tensor.DType, tensor.Shape, new MemoryBytes(bytes));
    }

    private static Tensor Packed(string name, int seed, int count) => new(name, DType.I4, new Shape(count), new MemoryBytes(Noise(seed, count / 2)));

    private static byte[] Noise(int seed, int count)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
